"""From an experiment file and ``--set`` texts to the points that will be run, all of them validated."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib import resources
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel

from memramp.config import describe, read_yaml, validate
from memramp.devices import resolve_device
from memramp.errors import InputError
from memramp.experiments.overrides import apply_overrides, set_key
from memramp.experiments.schema import SCHEMA_VERSION, ExperimentConfig, SweepConfig
from memramp.models.hardware import HardwareConfig

MAX_POINTS = 10_000
"""Most points of a sweep."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_.]+)\}")
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Point:
    """One point of a sweep, or all of an experiment that has none."""

    number: int
    """Counted from 1, in the order of the file."""

    sweep: dict[str, str]
    """Value of each swept key, as written."""

    config: ExperimentConfig
    """The complete configuration of the point; its `sweep` is None and its checkpoint has no placeholders left."""

    where: str
    """Names file and point in error messages."""

    @property
    def hardware(self) -> HardwareConfig:
        """The hardware that is simulated.

        Raises
        ------
        InputError
            A preset that does not exist, or a device that is not completely described.
        """
        model = self.config.model
        hardware = self.config.hardware(model.tanh_c, model.readout, model.projection)
        if hardware is None:
            raise InputError(f"{self.where}: the key 'device' is missing")
        return hardware

    def resolved(self) -> dict[str, Any]:
        """Return the configuration with all defaults and the presets' numbers, fit for JSON and for a new file."""
        plain = self.config.model_dump(mode="json", exclude={"sweep"})
        for key in ("device", "ramp_device"):
            if (block := getattr(self.config, key)) is not None:
                preset = {} if block.preset is None else {"preset": block.preset}
                plain[key] = preset | resolve_device(block, key).model_dump(mode="json")
        return plain

    def value(self, key: str) -> Any:
        """Return the resolved value of a dotted key, None where there is none."""
        return _lookup(self.resolved(), key)


@dataclass(frozen=True)
class Experiment:
    """A validated experiment."""

    source: str
    """The file that it was read from."""

    overrides: tuple[str, ...]
    """The ``--set`` texts."""

    points: tuple[Point, ...]
    """At least one."""

    @property
    def config(self) -> ExperimentConfig:
        """The configuration of the first point; name, seed and number of chips are the same for all."""
        return self.points[0].config

    @property
    def swept(self) -> tuple[str, ...]:
        """The swept keys."""
        return tuple(self.points[0].sweep)


def shipped_experiments() -> dict[str, Path]:
    """Return the experiment files that come with memramp, by name."""
    folder = Path(str(resources.files("memramp.experiments")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_experiment(path: Path | str, overrides: Sequence[str] = ()) -> Experiment:
    """Read an experiment file and expand its sweep; nothing is run.

    Parameters
    ----------
    path : path
        The YAML file, or the name of a shipped one, e.g. ``"kws"``.
    overrides : sequence of str
        ``key.path=value`` texts, see `memramp.experiments.overrides.apply_overrides`.

    Raises
    ------
    InputError
        The sentence names file, key and, in a sweep, the point.
    """
    path, data = read_experiment(path, overrides)
    return network_experiment(path, overrides, data)


def network_experiment(path: Path, overrides: Sequence[str], data: dict[str, Any]) -> Experiment:
    """Return the experiment that a file's data describe, as `read_experiment` gives them; see `load_experiment`."""
    where = with_overrides(path, overrides)
    if (kind := data.get("experiment", "network")) != "network":
        raise InputError(f"{where}: 'experiment' is {describe(kind)}, this needs an experiment with a network")
    return Experiment(str(path), tuple(overrides), tuple(_points(data, where)))


def read_experiment(path: Path | str, overrides: Sequence[str]) -> tuple[Path, dict[str, Any]]:
    """Find an experiment file of any kind and read it; see `load_experiment` for the parameters.

    Returns
    -------
    path : Path
        The file; where the name is that of a shipped one, its place.
    data : dict
        What it holds, with the overrides; nothing but the version is checked.

    Raises
    ------
    InputError
        See `read_settings`.
    """
    path = Path(path)
    if str(path) in shipped_experiments() and not path.exists():
        path = shipped_experiments()[str(path)]
    return path, read_settings(path, overrides, "an experiment", "memramp run")


def load_settings(model: type[Model], path: Path, overrides: Sequence[str], kind: str, command: str) -> Model:
    """Read and validate a file without a sweep, such as that of a training; see `read_settings`."""
    return validate(model, read_settings(path, overrides, kind, command), with_overrides(path, overrides))


def read_settings(path: Path, overrides: Sequence[str], kind: str, command: str) -> dict[str, Any]:
    """Read a YAML file, apply the overrides and check the version of the schema; `kind` and `command` are for messages.

    Raises
    ------
    InputError
        No such file, no YAML, a missing or other version, or an override that cannot be applied.
    """
    data = apply_overrides(read_yaml(path), overrides)
    version = data.get("memramp")
    if version is None:
        raise InputError(
            f"{path}: the key 'memramp' is missing; {kind} starts with 'memramp: {SCHEMA_VERSION}', the file's version"
        )
    if type(version) is not int or version != SCHEMA_VERSION:
        raise InputError(f"{path}: 'memramp' is {describe(version)}, this program reads version {SCHEMA_VERSION}")
    for key, other, right in (
        ("training", "a training", "memramp train"),
        ("sweep", "an experiment", "memramp run"),
        ("experiment", "an experiment", "memramp run"),
    ):
        if key in data and right != command:
            raise InputError(f"{path}: has the key '{key}', so it is {other}, not {kind}; use {right}")
    return data


def with_overrides(path: Path, overrides: Sequence[str]) -> str:
    """Return how a file is named in messages: with the overrides, which may be where the fault lies."""
    return f"{path} with {' '.join(f'--set {text}' for text in overrides)}" if overrides else str(path)


def _points(data: dict[str, Any], where: str) -> list[Point]:
    base = {key: value for key, value in data.items() if key != "sweep"}
    if data.get("sweep") is None:
        return [_point(1, {}, base, where)]
    over = validate(_SweepOnly, {"sweep": data["sweep"]}, where).sweep.over
    texts = {key: [as_text(value) for value in values] for key, values in over.items()}
    _check_grid(texts, where)
    points = []
    for number, choice in enumerate(product(*(range(len(values)) for values in over.values())), start=1):
        written = {key: texts[key][i] for key, i in zip(over, choice, strict=True)}
        values = {key: over[key][i] for key, i in zip(over, choice, strict=True)}
        points.append(_swept_point(number, written, base, values, where))
    return points


class _SweepOnly(BaseModel):
    sweep: SweepConfig


def _check_grid(texts: Mapping[str, list[str]], where: str) -> None:
    for key, values in texts.items():
        if twice := [text for text in values if values.count(text) > 1]:
            raise InputError(f"{where}: 'sweep.over.{key}' has the value {twice[0]} twice")
    if (count := prod(map(len, texts.values()))) > MAX_POINTS:
        raise InputError(f"{where}: the sweep has {count} points, at most {MAX_POINTS} are allowed")


def _swept_point(
    number: int, written: dict[str, str], base: dict[str, Any], values: dict[str, Any], where: str
) -> Point:
    at = f"{where}, point {number} ({', '.join(f'{key}={text}' for key, text in written.items())})"
    data = deepcopy(base)
    for key, value in values.items():
        set_key(data, key.split("."), value, at)
    try:
        return _point(number, written, data, at)
    except InputError as error:
        _blame_the_file(base, where, str(error).removeprefix(at))
        raise


def _blame_the_file(base: dict[str, Any], where: str, message: str) -> None:
    """Raise without the point if the same fault stands in the file whatever the sweep does."""
    try:
        validate(ExperimentConfig, base, where)
    except InputError as error:
        if str(error).removeprefix(where) == message:
            raise error from None


def _point(number: int, written: dict[str, str], data: dict[str, Any], where: str) -> Point:
    config = validate(ExperimentConfig, data, where)
    point = Point(number, written, config, where)
    names = {key: getattr(config.model, key) for key in ("checkpoint", "float_checkpoint")}
    try:
        filled = {key: _fill_in(f"model.{key}", text, point.resolved()) for key, text in names.items() if text}
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    model = config.model.model_copy(update=filled)
    return Point(number, written, config.model_copy(update={"model": model}), where)


def _fill_in(key: str, text: str, resolved: dict[str, Any]) -> str:
    def replace(match: re.Match[str]) -> str:
        value = _lookup(resolved, match[1])
        if value is None or isinstance(value, dict | list):
            raise InputError(f"'{key}': {match[0]} stands for no value of this experiment")
        return as_text(value)

    return _PLACEHOLDER.sub(replace, text)


def _lookup(data: Any, key: str) -> Any:
    for name in key.split("."):
        data = data.get(name) if isinstance(data, dict) else None
    return data


def as_text(value: Any) -> str:
    """Return a YAML value in one line, as one would write it: text as it is, the rest in YAML's flow style."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.12g}"
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), sort_keys=False, allow_unicode=True)
    return str(text).removesuffix("\n").removesuffix("\n...")
