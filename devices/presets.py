"""Devices described by data files: each number with its unit, source, reference condition and standing.

A configuration names a preset and overrides what it likes::

    device:
      preset: yang2025_150us
      prog_noise: {sigma: 5 uS}
      stuck_off_rate: 0.01
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from memramp.config import StrictModel, read_yaml, validate
from memramp.devices.device import Device
from memramp.devices.noise import Fraction
from memramp.errors import InputError
from memramp.quantities import NonNegativeMicrosiemens

_FOLDER = Path(__file__).resolve().parent / "presets"
_NOISE_KEYS = ("prog_noise", "read_noise")


class PresetValue(StrictModel):
    """One number of a preset and where it comes from."""

    value: Annotated[float, Field(strict=True)]
    """The number as the source gives it."""

    unit: Literal["uS", "1"]
    """``uS``, or ``1`` for a fraction."""

    source: str
    """Publication with DOI, or the reason for the choice."""

    condition: str
    """Under which the number holds."""

    status: Literal["measured", "code", "reconstructed"]
    """``measured``: published measurement; ``code``: the authors' released code; ``reconstructed``: our choice."""


class _NoiseBlock(StrictModel):
    kind: Literal["none", "constant", "proportional", "uniform"]
    sigma: PresetValue | None = None
    fraction: PresetValue | None = None
    half_width: PresetValue | None = None


class _PresetFile(StrictModel):
    description: str
    g_min: PresetValue
    g_max: PresetValue
    prog_noise: _NoiseBlock
    read_noise: _NoiseBlock
    stuck_off_rate: PresetValue | None = None
    stuck_on_rate: PresetValue | None = None


class NoiseOverride(StrictModel):
    """A noise block of a configuration; with a preset, only the keys that differ from it need be given."""

    kind: Literal["none", "constant", "proportional", "uniform"] | None = None
    sigma: NonNegativeMicrosiemens | None = None
    fraction: Fraction | None = None
    half_width: NonNegativeMicrosiemens | None = None


class DeviceConfig(StrictModel):
    """The ``device`` block of a configuration: a preset, any key of `Device` that overrides it, or all keys."""

    preset: str | None = None
    """Name of a preset; see `preset_names`."""

    g_min: NonNegativeMicrosiemens | None = None
    g_max: NonNegativeMicrosiemens | None = None
    prog_noise: NoiseOverride | None = None
    read_noise: NoiseOverride | None = None
    stuck_off_rate: Fraction | None = None
    stuck_on_rate: Fraction | None = None


def preset_names() -> list[str]:
    """Return the names of all presets, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load_preset(name: str) -> Device:
    """Return the device of a preset.

    Raises
    ------
    InputError
        There is no preset of this name.
    """
    entries = _read(name).model_dump(exclude_none=True, exclude={"description"})
    return validate(Device, _plain(entries), f"preset {name}")


def preset_description(name: str) -> str:
    """Return what a preset stands for, in a sentence or two."""
    return _read(name).description


def preset_sources(name: str) -> dict[str, PresetValue]:
    """Return every number of a preset with unit, source, condition and status.

    Returns
    -------
    dict
        Keyed by the place in a device block: ``"g_max"``, ``"prog_noise.sigma"``, ...
    """
    found: dict[str, PresetValue] = {}
    for key, entry in _read(name):
        if isinstance(entry, PresetValue):
            found[key] = entry
        elif isinstance(entry, _NoiseBlock):
            found |= {f"{key}.{part}": value for part, value in entry if isinstance(value, PresetValue)}
    return found


def resolve_device(config: DeviceConfig | Mapping[str, Any], where: str = "device") -> Device:
    """Return the device that a configuration block describes.

    A noise block replaces the keys that it gives and keeps the preset's others as long as the kind stays; with a
    ``kind`` that differs from the preset's it replaces the whole block.

    Parameters
    ----------
    config : DeviceConfig or mapping
        The block; a mapping may hold quantities such as ``"5 uS"``.
    where : str
        Names the block in error messages.

    Raises
    ------
    InputError
        Unknown preset or key, a missing key, or values that no device can have.
    """
    block = config if isinstance(config, DeviceConfig) else validate(DeviceConfig, dict(config), where)
    given = block.model_dump(exclude_none=True)
    name = given.pop("preset", None)
    merged = {} if name is None else load_preset(name).model_dump()
    for key, value in given.items():
        merged[key] = _merge_noise(merged.get(key, {}), value, f"{where}: '{key}'") if key in _NOISE_KEYS else value
    return validate(Device, merged, where)


def _merge_noise(preset: dict[str, Any], given: dict[str, Any], where: str) -> dict[str, Any]:
    kind = given.get("kind", preset.get("kind"))
    if kind is None:
        raise InputError(f"{where} needs the key 'kind'")
    kept = preset if kind == preset.get("kind") else {}
    stray = sorted(set(given) - {"kind"} - _KIND_KEYS[kind])
    if stray:
        allowed = ", ".join(sorted(_KIND_KEYS[kind])) or "no further key"
        raise InputError(f"{where} of kind '{kind}' takes {allowed}, found '{stray[0]}' (give 'kind' to change it)")
    return {**kept, **given, "kind": kind}


_KIND_KEYS: dict[str, set[str]] = {
    "none": set(),
    "constant": {"sigma"},
    "proportional": {"fraction"},
    "uniform": {"half_width"},
}


@cache
def _read(name: str) -> _PresetFile:
    if name not in preset_names():  # also keeps '../' out of the path
        raise InputError(f"unknown device preset '{name}', allowed: {', '.join(preset_names())}")
    path = _FOLDER / f"{name}.yaml"
    return validate(_PresetFile, read_yaml(path), str(path))


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """Replace every {value, unit, ...} by its value."""
    return {key: (_plain_entry(entry) if isinstance(entry, dict) else entry) for key, entry in data.items()}


def _plain_entry(entry: dict[str, Any]) -> Any:
    return entry["value"] if "value" in entry else _plain(entry)
