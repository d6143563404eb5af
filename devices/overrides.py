"""Blocks of a configuration laid over others: what is given replaces, what is not stays.

Nothing here knows the keys of a device: they are read from the models, block by block, so that a new kind of noise or
a new block needs no change.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from memramp.config import describe
from memramp.errors import InputError

Place = tuple[str | int, ...]
"""Keys from the outermost block to a value."""


class KeyFault(InputError):  # noqa: N818  (an InputError, told apart only on its way through pydantic)
    """A wrong key or block; `template` has ``{key}`` where the dotted key belongs."""

    def __init__(self, place: Place, template: str) -> None:
        super().__init__(template.replace("{key}", dotted(place)))
        self.place, self.template = place, template


def dotted(place: Sequence[str | int]) -> str:
    """Return keys as one, with dots."""
    return ".".join(map(str, place))


def overlay(
    model: type[BaseModel],
    base: Mapping[str, Any],
    given: Mapping[str, Any],
    place: Place = (),
    also: Sequence[str] = (),
) -> dict[str, Any]:
    """Return plain data of a model: `base` with what is `given` laid over it.

    A nested block keeps the keys of the base's that are not given as long as its ``kind`` stays (or it has none); with
    another ``kind`` it is replaced as a whole. Lists are replaced as a whole. A given value of None leaves the base's.
    Where a kind's model has a method ``from_file``, the key ``file`` stands for the keys that the method returns.

    Parameters
    ----------
    model : type
        Model of the block; tells which keys there are.
    base, given : mapping
        Plain data; `base` may be empty.
    place : tuple
        Where the block stands, for messages.
    also : sequence of str
        Keys that are allowed elsewhere, to be suggested where one is misspelt.

    Raises
    ------
    KeyFault
        A key that there is not, or a ``kind`` that is missing or unknown.
    """
    merged = dict(base)
    for key, value in given.items():
        here = (*place, key)
        if key not in model.model_fields:
            raise KeyFault(here, f"unknown key '{{key}}'{_suggestion(key, [*also, *model.model_fields])}")
        models = list(_models(model.model_fields[key].annotation))
        if isinstance(value, Mapping) and models:
            merged[key] = _block(models, merged.get(key), value, here)
        elif value is not None:
            merged[key] = value
    return merged


def kinds_of(model: type[BaseModel], field: str) -> tuple[str, ...]:
    """Return the kinds that a block may have."""
    return tuple(kind for each in _models(model.model_fields[field].annotation) for kind in _kinds(each))


def untagged(model: type[BaseModel], place: Sequence[str | int]) -> Place:
    """Return a place in a model as a file has it: without the kinds that pydantic puts between the keys."""
    kept: list[str | int] = []
    models = [model]
    for part in place:
        tagged = [each for each in models if part in _kinds(each)]
        if tagged:
            models = tagged
            continue
        kept.append(part)
        fields = [each.model_fields[part] for each in models if isinstance(part, str) and part in each.model_fields]
        models = [inner for field in fields for inner in _models(field.annotation, lists=True)] or models
    return tuple(kept)


def _block(models: list[type[BaseModel]], base: Any, given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    kinds = {kind: model for model in models for kind in _kinds(model)}
    base = base if isinstance(base, Mapping) else {}
    if not kinds:
        return overlay(models[0], base, given, place)
    kind = given.get("kind", base.get("kind"))
    if kind is None:
        raise KeyFault(place, "'{key}' needs the key 'kind'")
    if not isinstance(kind, str) or kind not in kinds:
        allowed = ", ".join(map(repr, kinds))
        raise KeyFault((*place, "kind"), f"'{{key}}' is {describe(kind)}, allowed: {allowed}")
    given = _loaded(kinds[kind], given, place)
    _check_keys(kinds, kind, given, place)
    kept = base if kind == base.get("kind") else {}
    return overlay(kinds[kind], kept, {**given, "kind": kind}, place)


def _loaded(model: type[BaseModel], given: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    """Return what is given with the contents of the file that is named."""
    reader = getattr(model, "from_file", None)
    if reader is None or given.get("file") is None:
        return given
    if not isinstance(given["file"], str):
        raise KeyFault((*place, "file"), f"'{{key}}' must be the name of a file, found {describe(given['file'])}")
    read: dict[str, Any] = reader(Path(given["file"])).model_dump()
    twice = sorted(set(read) & set(given) - {"kind"})
    if twice:
        raise KeyFault((*place, twice[0]), "'{key}' is given beside 'file', which holds it too; leave one out")
    return {key: value for key, value in given.items() if key != "file"} | read


def _check_keys(kinds: dict[str, type[BaseModel]], kind: str, given: Mapping[str, Any], place: Place) -> None:
    """Refuse keys of other kinds in a sentence of their own: most often the kind was forgotten."""
    own = kinds[kind].model_fields
    others = {name for model in kinds.values() for name in model.model_fields}
    stray = sorted(name for name in given if name not in own)
    if not stray:
        return
    if stray[0] not in others:
        raise KeyFault((*place, stray[0]), f"unknown key '{{key}}'{_suggestion(stray[0], sorted(others))}")
    allowed = ", ".join(sorted(set(own) - {"kind"})) or "no further key"
    taken = f"'{{key}}' of kind '{kind}' takes {allowed}, found '{stray[0]}'"
    if "kind" in given:
        raise KeyFault(place, f"{taken} (another 'kind' takes it)")
    raise KeyFault(
        place,
        f"{taken}: the kind is the preset's, the key is the file's own; '{{key}}=null' drops the file's block, and a "
        "'kind' beside the key replaces the preset's",
    )


def _models(annotation: Any, *, lists: bool = False) -> Iterator[type[BaseModel]]:
    """Yield the models that a field may hold, those of a union in its order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif lists or get_origin(annotation) not in (list, tuple, dict):
        for part in get_args(annotation):
            yield from _models(part, lists=lists)


def _kinds(model: type[BaseModel]) -> tuple[str, ...]:
    field = model.model_fields.get("kind")
    if field is None or get_origin(field.annotation) is not Literal:
        return ()
    return tuple(map(str, get_args(field.annotation)))


def _suggestion(key: str, names: Sequence[str]) -> str:
    close = get_close_matches(key, names, n=1)
    return f" (did you mean '{close[0]}'?)" if close else f" (allowed: {', '.join(names)})"
