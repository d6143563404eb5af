"""The base of every configuration model: strict, immutable, and readable from YAML without surprises."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from memramp.errors import InputError
from memramp.files import read_limited

MAX_YAML_BYTES = 1_000_000


class StrictModel(BaseModel):
    """A configuration block: unknown keys are refused, numbers must be finite, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: numbers like 1e-6 are numbers, duplicate keys are refused, `on`/`no` stay text."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _fault(key_node, f"keys are text, found {key!r}")
            if key in seen:
                raise _fault(key_node, f"the key '{key}' stands twice")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        return int(node.value)  # 017 is seventeen, as in YAML 1.2; in YAML 1.1 it is fifteen


def _fault(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


# YAML 1.1, which PyYAML implements, reads `no` (a keyword to spot!) as False and 12:30:00 as 45000, and leaves 1e-6
# a string. These are the rules of YAML 1.2's core schema instead.
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_decimal)

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises
    ------
    InputError
        The file is missing, unreadable, too large, no UTF-8 or no YAML, repeats a key, or is no mapping.
    """
    try:
        text = read_limited(path, MAX_YAML_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None
    data = parse_yaml(text, str(path))
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected 'key: value' lines, found {describe(data)}")
    return data


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML text; `where` names it in the error message."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader subclass)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{where}{line}: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{where}: not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise InputError(f"{where}: nested too deeply") from None


def validate(model: type[Model], data: Any, where: str) -> Model:
    """Build a configuration model from plain data, or say in one sentence what is wrong with it.

    Raises
    ------
    InputError
        Names `where`, the key, what was found and what is allowed; only the first problem is told.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(model, error)}") from None


def describe(value: Any) -> str:
    """Return a value as it is shown in an error message: short, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def first_problem(model: type[BaseModel], error: ValidationError) -> str:
    """Return what is wrong with plain data that were to become a model: its first problem, in one sentence."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in _as_written(model, problem["loc"]))
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message[:1].lower() + message[1:]
    match problem["type"]:
        case "extra_forbidden":
            return f"unknown key '{key}'{_suggestion(model, problem['loc'])}"
        case "at_key":  # a message of our own that names the key in its midst
            return problem["msg"].replace("{key}", key)
        case "missing":
            return f"the key '{key}' is missing"
        case "union_tag_not_found":
            return f"'{key}' needs the key {problem['ctx']['discriminator']}"
        case "union_tag_invalid":
            context = problem["ctx"]
            kind = context["discriminator"].strip("'")
            return f"'{key}.{kind}' is '{context['tag']}', allowed: {context['expected_tags']}"
        case "model_type" | "model_attributes_type" if key:
            return f"'{key}' must be a block of keys, found {describe(problem['input'])}"
    found = "" if "found" in message else f", found {describe(problem['input'])}"
    return f"'{key}': {message}{found}" if key else f"{message}"


def allowed_range(model: type[BaseModel], keys: Sequence[str]) -> str:
    """Return the numbers that a key, given part by part, may have, such as ``1 to 64``; empty if it has no bounds."""
    for name in keys[:-1]:
        kinds = _parts(model.model_fields[name].annotation) if name in model.model_fields else []
        model = next((kind for kind in kinds if _is_model(kind)), BaseModel)
    field = model.model_fields.get(keys[-1])
    if field is None:
        return ""
    bounds = {
        name: bound
        for part in [*field.metadata, *_parts(field.annotation)]
        for name in ("ge", "gt", "le", "lt")
        if (bound := getattr(part, name, None)) is not None
    }
    words = {"ge": "{:g} or more", "gt": "more than {:g}", "le": "at most {:g}", "lt": "less than {:g}"}
    if bounds.keys() == {"ge", "le"}:
        return f"{bounds['ge']:g} to {bounds['le']:g}"
    return " and ".join(words[name].format(float(bound)) for name, bound in bounds.items())


def _parts(annotation: Any) -> list[Any]:
    """Return an annotation and all that it is composed of, with the metadata of fields."""
    inner = [each for part in get_args(annotation) for each in _parts(part)]
    return [annotation, *getattr(annotation, "metadata", []), *inner]


def _suggestion(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    names = _keys_at(model, location[:-1])
    if not names:
        return ""
    close = get_close_matches(str(location[-1]), names, n=1)
    return f" (did you mean '{close[0]}'?)" if close else f" (allowed: {', '.join(names)})"


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys allowed at a place, where pydantic names the kind of a block after its key."""
    models = [model]
    for part in location:
        models = _models_at(models, part) or models
    return list(models[0].model_fields) if models else []


def _as_written(model: type[BaseModel], location: tuple[int | str, ...]) -> list[int | str]:
    """Return a place as a file has it: without the kinds of blocks, which pydantic names after their keys."""
    models, written = [model], []
    for part in location:
        if not _of_kind(models, part) or any(part in each.model_fields for each in models):
            written.append(part)
        models = _models_at(models, part) or models
    return written


def _models_at(models: list[type[BaseModel]], part: int | str) -> list[type[BaseModel]]:
    """Return the models that a part of a place leads to: those of a kind, or of a field; none for an index."""
    if tagged := _of_kind(models, part):
        return tagged
    fields = [each.model_fields[str(part)] for each in models if part in each.model_fields]
    return [inner for field in fields for inner in _parts(field.annotation) if _is_model(inner)]


def _of_kind(models: list[type[BaseModel]], part: int | str) -> list[type[BaseModel]]:
    return [each for each in models if part in _kinds_of(each)]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _kinds_of(kind: type[BaseModel]) -> list[Any]:
    """Return the kinds of blocks that a model stands for."""
    field = kind.model_fields.get("kind")
    return [] if field is None else [field.default, *get_args(field.annotation)]
