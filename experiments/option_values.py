"""Values of options that are lists or quantities; errors name the option."""

from typing import TYPE_CHECKING

from memramp.errors import InputError

if TYPE_CHECKING:
    from memramp.devices import Device


def numbers(option: str, text: str) -> list[float]:
    """Return the numbers of a list with commas."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option}: expected numbers with commas between them, found '{text}'") from None


def whole_numbers(option: str, text: str) -> list[int]:
    """Return the whole numbers of a list with commas."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option}: expected whole numbers with commas between them, found '{text}'") from None


def conductance(option: str, text: str) -> float:
    """Return a conductance that is not negative [uS]."""
    from memramp.quantities import MAX_MICROSIEMENS, parse_quantity

    try:
        value = parse_quantity(text.strip(), "S", "u")
    except ValueError as error:
        raise InputError(f"{option}: {error}") from None
    if not 0.0 <= value <= MAX_MICROSIEMENS:
        raise InputError(f"{option}: expected 0 to {MAX_MICROSIEMENS:g} uS, found '{text}'")
    return value


def conductances(option: str, text: str) -> list[float]:
    """Return the conductances of a list with commas [uS]."""
    return [conductance(option, part) for part in text.split(",")]


def device(text: str) -> "Device":
    """Return the device of a preset, or of a file that ends in ``.yaml`` with the keys of a ``device`` block.

    Raises
    ------
    InputError
        There is no such preset or file, or the file describes no device.
    """
    from pathlib import Path

    from memramp.config import read_yaml
    from memramp.devices import load_preset, resolve_device

    return resolve_device(read_yaml(Path(text)), text) if text.endswith(".yaml") else load_preset(text)


def pair(option: str, text: str) -> tuple[float, float]:
    """Return two numbers with a comma between them."""
    found = numbers(option, text)
    if len(found) != 2:
        raise InputError(f"{option}: expected two numbers, LO,HI, found '{text}'")
    return found[0], found[1]
