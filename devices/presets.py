"""Devices described by data files: each number with its unit, source, reference condition and standing.

A configuration names a preset and overrides what it likes::

    device:
      preset: yang2025_150us
      prog_noise: {sigma: 5 uS}
      stuck_off_rate: 0.01
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from memramp.config import StrictModel, describe, read_yaml, validate
from memramp.devices.device import Device
from memramp.devices.overrides import KeyFault, dotted, overlay, untagged
from memramp.errors import InputError

_FOLDER = Path(__file__).resolve().parent / "presets"

_MOST_NESTED = 10  # files, each the preset of the one before

Number = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True)]


class PresetValue(StrictModel):
    """One number of a preset, or a list of numbers, and where it comes from."""

    value: Number | list[Number] | list[list[Number]]
    """The number as the source gives it."""

    unit: Literal["uS", "1", "V", "A", "s", "Hz", "K", "eV", "J"]
    """Unit of all numbers; ``1`` for a fraction, an exponent and the like."""

    source: str
    """Publication with DOI, or the reason for the choice."""

    condition: str
    """Under which the number holds."""

    status: Literal["measured", "fit", "code", "reconstructed"]
    """``measured``: published measurement; ``fit``: published fit to measurements; ``code``: the authors' released
    code; ``reconstructed``: our choice."""


class DeviceConfig(StrictModel):
    """The ``device`` block of a configuration: a preset, keys of `Device` that override it, or all keys.

    Instead of a plain value each key may hold a `PresetValue`, so that a file that was written with its sources can
    stand here as it is.
    """

    model_config = ConfigDict(extra="allow")

    preset: str | None = None
    """Name of a preset, see `preset_names`, or a file that ends in ``.yaml`` with the keys of this block."""

    description: str | None = None
    """What the device is, in words."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_name(cls, data: Any) -> Any:
        """Refuse the name of a preset or file in place of the block, with what was meant."""
        if isinstance(data, str):
            found = f"'{{key}}' must be a block of keys, found {describe(data)}"
            raise PydanticCustomError("at_key", f"{found}; a preset or a file is named by '{{key}}.preset'")
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse what is no device, with the key's place in the file, and bring all values into their units."""
        given = self.__pydantic_extra__ if self.__pydantic_extra__ is not None else {}
        resolved = _told(self.resolve).model_dump()
        for key in list(given):
            given[key] = None if given[key] is None else _as_read(given[key], resolved[key])
        return self

    def resolve(self) -> Device:
        """Return the device that the block describes; see `resolve_device` for errors."""
        if self.preset is not None:
            _check_chain(self.preset)
        base = {} if self.preset is None else load_preset(self.preset).model_dump()
        given = _without_sources(self.__pydantic_extra__ or {}, ())
        return Device.model_validate(overlay(Device, base, given, also=("preset",)))


def preset_names() -> list[str]:
    """Return the names of all presets, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load_preset(name: str) -> Device:
    """Return the device of a preset, or of a file whose name ends in ``.yaml``.

    Raises
    ------
    InputError
        There is no preset of this name, or the file describes no device.
    """
    return resolve_device(preset_block(name), name if name.endswith(".yaml") else f"preset {name}")


def preset_description(name: str) -> str:
    """Return what a preset stands for, in a sentence or two."""
    return str(preset_block(name).get("description", ""))


def preset_block(name: str) -> dict[str, Any]:
    """Return a preset, or a file whose name ends in ``.yaml``, as it is written: a device block, maybe with sources.

    Raises
    ------
    InputError
        There is no preset of this name, or the file cannot be read.
    """
    return read_yaml(Path(name)) if name.endswith(".yaml") else dict(_read(name))


def preset_sources(name: str) -> dict[str, PresetValue]:
    """Return every number of a preset with unit, source, condition and status.

    Returns
    -------
    dict
        Keyed by the place in a device block: ``"g_max"``, ``"prog_noise.sigma"``, ...
    """
    return device_sources(preset_block(name))


def device_sources(block: Mapping[str, Any]) -> dict[str, PresetValue]:
    """Return the values of a device block that come with a source; see `preset_sources`.

    Raises
    ------
    InputError
        One of them is not completely described.
    """
    return dict(_sources(block, ()))


def resolve_device(config: DeviceConfig | Mapping[str, Any], where: str = "device") -> Device:
    """Return the device that a configuration block describes.

    A nested block replaces the keys that it gives and keeps the preset's others as long as the kind stays; with a
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
    return block.resolve()


def override_device(base: Device, changes: Mapping[str, Any], where: str) -> Device:
    """Return a device with some keys changed; nested blocks are changed as in `resolve_device`.

    Raises
    ------
    InputError
        An unknown key, or values that no device can have; the sentence starts with `where`.
    """
    try:
        changed = overlay(Device, base.model_dump(), _without_sources(changes, ()))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return resolve_device(changed, where)


def _check_chain(name: str) -> None:
    """Refuse files that are their own preset, directly or through others, before any of them is resolved."""
    chain = [name]
    while chain[-1].endswith(".yaml"):
        if len(chain) > _MOST_NESTED:
            raise KeyFault(("preset",), f"'{{key}}': more than {_MOST_NESTED} files are each the preset of another")
        try:
            following = read_yaml(Path(chain[-1])).get("preset")
        except InputError:
            return  # told where the file is loaded
        if not isinstance(following, str):
            return
        if Path(following) in map(Path, chain):
            names = " -> ".join([*chain, following])
            raise KeyFault(("preset",), f"'{{key}}' must not lead back to itself, found {names}")
        chain.append(following)


def _without_sources(block: Mapping[str, Any], place: tuple[str | int, ...]) -> dict[str, Any]:
    """Return a block in which each `PresetValue` is replaced by its value, as text with the unit where it has one."""
    return {key: _plain(value, (*place, key)) for key, value in block.items()}


def _plain(value: Any, place: tuple[str | int, ...]) -> Any:
    if isinstance(value, list):
        return [_plain(part, (*place, i)) for i, part in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    return _with_unit(_preset_value(value, place)) if "value" in value else _without_sources(value, place)


def _with_unit(entry: PresetValue) -> Any:
    """Return the value so that the key that it belongs to refuses another unit than its own."""

    def text(value: Any) -> Any:
        return [text(part) for part in value] if isinstance(value, list) else f"{value!r} {entry.unit}"

    return entry.value if entry.unit == "1" else text(entry.value)


def _preset_value(entry: Mapping[str, Any], place: tuple[str | int, ...]) -> PresetValue:
    return validate(PresetValue, entry, dotted(place))


def _sources(block: Any, place: tuple[str | int, ...]) -> Iterator[tuple[str, PresetValue]]:
    if isinstance(block, Mapping) and "value" in block:
        yield dotted(place), _preset_value(block, place)
    elif isinstance(block, Mapping | list):
        for key, part in block.items() if isinstance(block, Mapping) else enumerate(block):
            yield from _sources(part, (*place, key))


def _as_read(given: Any, resolved: Any) -> Any:
    """Return what is given, no more keys, with the values that the device has."""
    if isinstance(given, Mapping) and isinstance(resolved, Mapping) and set(given) <= set(resolved):
        return {key: _as_read(value, resolved[key]) for key, value in given.items() if value is not None}
    return resolved


def _told(resolve: Callable[[], Device]) -> Device:
    """Return the device, or raise what pydantic makes a message of, with the keys as they stand in the file."""
    try:
        return resolve()
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        _raise(untagged(Device, problem["loc"]), problem["type"], problem["msg"], problem)
    except KeyFault as error:
        _raise(error.place, "at_key", error.template, {"input": None})
    except InputError as error:
        _raise((), "at_key", str(error), {"input": None})


def _raise(place: tuple[str | int, ...], kind: str, message: str, problem: Mapping[str, Any]) -> NoReturn:
    known = {"missing", "value_error", "extra_forbidden"}
    details = InitErrorDetails(
        type=kind if kind in known else PydanticCustomError(kind, message, problem.get("ctx") or None),
        loc=place,
        input=problem["input"],
        ctx=problem.get("ctx", {}),
    )
    raise ValidationError.from_exception_data("Device", [details])


@cache
def _read(name: str) -> dict[str, Any]:
    if name not in preset_names():  # also keeps '../' out of the path
        raise InputError(f"unknown device preset '{name}', allowed: {', '.join(preset_names())}")
    return read_yaml(_FOLDER / f"{name}.yaml")
