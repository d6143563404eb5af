"""Values of options; errors name the option, what was found and what is allowed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from memramp.errors import InputError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from memramp.devices import Device

Model = TypeVar("Model", bound="BaseModel")


@contextmanager
def about(option: str) -> Iterator[None]:
    """Name the option in errors of what is done with its value."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{option}: {error}") from None


def choice(option: str, text: str, allowed: Sequence[str]) -> str:
    """Return a word that is one of those allowed."""
    if text not in allowed:
        raise InputError(f"{option}: expected {' or '.join([', '.join(allowed[:-1]), allowed[-1]])}, found '{text}'")
    return text


def positive(option: str, value: float, unit: str) -> float:
    """Return a number that is positive and finite."""
    if not (isfinite(value) and value > 0.0):
        raise InputError(f"{option}: expected a positive number of {unit}, found {value:g}")
    return value


def within(option: str, value: float, least: float, most: float) -> None:
    """Check that a number lies in a range, ends included."""
    if not least <= value <= most:
        raise InputError(f"{option}: expected {least:.12g} to {most:.12g}, found {value:.12g}")


def validated(model: type[Model], values: Mapping[str, Any], options: Mapping[str, str]) -> Model:
    """Return a configuration block that is made of options.

    Parameters
    ----------
    model : type
        The block.
    values : mapping
        Its keys.
    options : mapping
        The option of each key that has one; keys of nested blocks are dotted.

    Raises
    ------
    InputError
        The first value that is not allowed.
    """
    from pydantic import ValidationError

    from memramp.config import allowed_range, describe, first_problem

    try:
        return model.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        keys = [str(part) for part in problem["loc"]]
        key = next((key for n in range(len(keys), 0, -1) if (key := ".".join(keys[:n])) in options), "")
        bounds = allowed_range(model, key.split("."))
        if key and bounds and "Value error" not in problem["msg"]:
            raise InputError(f"{options[key]}: expected {bounds}, found {describe(problem['input'])}") from None
        said = first_problem(model, error).removeprefix(f"'{'.'.join(keys)}': ")
        said = said.replace("input should be", "expected", 1)
        for name, option in options.items():
            said = re.sub(rf"\b{name}\b", option, said)
        raise InputError(f"{options[key]}: {said}" if key else said) from None


def numbers(option: str, text: str) -> list[float]:
    """Return the numbers of a list with commas, which are finite."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option}: expected numbers with commas between them, found '{text}'") from None
    if not all(map(isfinite, found)):
        raise InputError(f"{option}: expected finite numbers, found '{text}'")
    return found


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
    from memramp.devices import load_preset

    with about("--device"):
        return load_preset(text)


def pair(option: str, text: str) -> tuple[float, float]:
    """Return two numbers with a comma between them."""
    found = numbers(option, text)
    if len(found) != 2:
        raise InputError(f"{option}: expected two numbers, LO,HI, found '{text}'")
    return found[0], found[1]
