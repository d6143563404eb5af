"""How swept keys and their values are written in figures: units, times, blocks, and lines of even length."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from memramp.config import parse_yaml
from memramp.devices import Device
from memramp.errors import InputError
from memramp.experiments.loading import as_text
from memramp.experiments.schema import ExperimentConfig
from memramp.quantities import Unit

_OWN_UNITS = {
    "crossbar.scale": "uS per weight unit",
    "crossbar.w_clip": "weight units",
    "environment.temperature_coefficient": "1/K",
}
_BITS = ("bits", "bits_per_device", "output_bits")
_TIMES = (
    (365 * 86400.0, "y"),
    (86400.0, "d"),
    (3600.0, "h"),
    (60.0, "min"),
    (1.0, "s"),
    (1e-3, "ms"),
    (1e-6, "us"),
    (1e-9, "ns"),
)
_ROUNDING = 1e-9  # relative: 32e-9 s are 32 ns


def unit_of(key: str) -> str | None:
    """Return the unit of the numbers of a dotted key of an experiment, such as ``ohm``; None where there is none."""
    if key in _OWN_UNITS:
        return _OWN_UNITS[key]
    first, *names = key.split(".")
    if (names and names[-1] in _BITS) or key in _BITS:
        return "bit"
    devices = first in ("device", "ramp_device")
    found = set(_units(Device, names) if devices else _units(ExperimentConfig, [first, *names]))
    return found.pop() if len(found) == 1 else None


def _units(model: type[BaseModel], names: list[str]) -> Iterator[str]:
    """Yield the units that a key has in a model, in several where it has one of several kinds of block."""
    if not names or (field := model.model_fields.get(names[0])) is None:
        return
    parts = [*field.metadata, *_parts(field.annotation)]
    for part in parts:
        if len(names) == 1 and isinstance(part, Unit):
            yield part.name
        elif isinstance(part, type) and issubclass(part, BaseModel):
            yield from _units(part, names[1:])


def _parts(annotation: Any) -> list[Any]:
    """Return an annotation and all that it is composed of."""
    return [annotation, *(each for part in get_args(annotation) for each in _parts(part))]


def time_label(seconds: float) -> str:
    """Return a time in its natural unit: ``32 ns``, ``1 h``, ``30 d``; 0 is ``0``."""
    for unit, name in _TIMES:
        if abs(seconds) >= unit * (1.0 - _ROUNDING):
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:g}" + (" s" if seconds else "")


def value_label(text: str) -> str:
    """Return a swept value as a label: a block without its braces, ``r_row 1, drive both``; all else as written.

    Parameters
    ----------
    text : str
        A value as `memramp.experiments.loading.as_text` writes it.

    Returns
    -------
    str
        The pairs of a block are held together by spaces that do not break.
    """
    if not text.startswith("{"):
        return text
    try:
        block = parse_yaml(text, "")
    except InputError:
        return text
    return ", ".join(f"{key}\u00a0{as_text(value)}" for key, value in flat(block).items()) or "by default"


def flat(block: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return the values of a nested block by their dotted keys: ``comparator.noise: 0.001``."""
    found: dict[str, Any] = {}
    for key, value in block.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return found
