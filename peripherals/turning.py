"""Where a function turns: found on a grid, refined to the last bit, and compared with what its author declared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memramp.errors import InputError
from memramp.peripherals.bisection import first_true, from_order, halfway, to_order
from memramp.peripherals.function import Elementwise, FloatArray, Span

MAX_FOLDS = 15
"""Most folds of a function: each is a point at which the counter's direction must be switched."""

GRID = 4096
"""Parts into which a span is divided to look for turns and jumps; what happens within one part may be overlooked."""

_NOISE = 1e-9  # of the output range; turns below it are rounding, and far below the step of any converter
_JUMP = 1e-4  # of the output range, half the step of 12 bits; steeper than this between neighbouring doubles is a jump
_NEAR = 0.01  # of the span; how far from an extremum it may be declared


@dataclass(frozen=True)
class Turn:
    """An extremum."""

    at: float
    """Input [pre-activation]."""

    kind: str
    """``minimum`` or ``maximum``."""


def verified_folds(
    value: Elementwise, slope: Elementwise, span: Span, declared: Sequence[float], where: str
) -> tuple[float, ...]:
    """Check that a ramp can realise a function, and return its folds.

    Parameters
    ----------
    value, slope : callable
        The function and its derivative, without NumPy's warnings.
    span : tuple of float
        Inputs that the converter resolves [pre-activation].
    declared : sequence of float
        Inputs at which the author says that it turns, within 1 % of the span [pre-activation].
    where : str
        Name of the function, for messages.

    Returns
    -------
    tuple of float
        The folds, ascending, to the last bit where the derivative changes its sign.

    Raises
    ------
    InputError
        The function is not finite, constant, jumps, turns too often or where it was not declared, or does not turn
        where it was.
    """
    inputs = np.linspace(span[0], span[1], GRID + 1)
    outputs = value(inputs)
    check_finite(inputs, outputs, where)
    size = output_size(outputs, span, where)
    _check_jumps(value, inputs, outputs, _JUMP * size, where)
    turns = [_refined(value, slope, inputs, index, where) for index in turning_indices(outputs, _NOISE * size)]
    return matched(turns, declared, span, where)


def turning_indices(outputs: FloatArray, least: float) -> list[tuple[int, int]]:
    """Return where a sequence turns by more than `least`: index of the extremum, +1 for maxima, -1 for minima."""
    sequence = outputs.tolist()
    turns: list[tuple[int, int]] = []
    best, low, high, direction = 0, sequence[0], sequence[0], 0
    for k, output in enumerate(sequence):
        if direction == 0:
            low, high = min(low, output), max(high, output)
            direction = (output - low > least) - (high - output > least)
            best = k
        elif (output - sequence[best]) * direction > 0:
            best = k
        elif (sequence[best] - output) * direction > least:
            turns.append((best, direction))
            best, direction = k, -direction
    return turns


def matched(turns: Sequence[Turn], declared: Sequence[float], span: Span, where: str) -> tuple[float, ...]:
    """Return the places of all turns, if just they were declared as folds.

    Raises
    ------
    InputError
        Names the turns that were not declared, or a declared fold that is none.
    """
    if len(turns) > MAX_FOLDS:
        raise InputError(
            f"{where} turns {len(turns)} times from {span[0]:g} to {span[1]:g}, allowed: at most {MAX_FOLDS}, since "
            f"the counter's direction must be switched at each"
        )
    missing = list(turns)
    for fold in sorted(declared):
        near = [turn for turn in missing if abs(turn.at - fold) <= _NEAR * (span[1] - span[0])]
        if not near:
            raise InputError(f"{where} does not turn at x = {fold:.9g}, found in folds; it turns {_listed(turns)}")
        missing.remove(min(near, key=lambda turn: abs(turn.at - fold)))
    if missing:
        folds = ",".join(f"{turn.at:.9g}" for turn in turns)
        them = "it" if len(turns) == 1 else "them"
        raise InputError(f"{where} turns {_listed(missing)}; declare {them} with folds={folds} or narrow the span")
    return tuple(turn.at for turn in turns)


def check_finite(inputs: FloatArray, outputs: FloatArray, where: str) -> None:
    """Refuse outputs that are no numbers or infinite.

    Raises
    ------
    InputError
        Names the first such input.
    """
    bad = np.flatnonzero(~np.isfinite(outputs))
    if bad.size:
        found = outputs[bad[0]]
        raise InputError(f"{where} must be finite throughout its span, found {found:g} at x = {_shown(inputs[bad[0]])}")


def output_size(outputs: FloatArray, span: Span, where: str) -> float:
    """Return the largest less the smallest output.

    Raises
    ------
    InputError
        It is zero, or too large for a double.
    """
    size = float(0.5 * outputs.max() - 0.5 * outputs.min()) * 2.0
    if not np.isfinite(size):
        raise InputError(f"{where} must stay below 1e308, found {outputs.min():g} to {outputs.max():g}")
    # Equal in all but the last digits: nothing but rounding changes.
    if size <= 1e-12 * float(np.abs(outputs).max()):
        raise InputError(f"{where} is constant from {span[0]:g} to {span[1]:g}, so there is nothing to convert")
    return size


def _refined(value: Elementwise, slope: Elementwise, inputs: FloatArray, turn: tuple[int, int], where: str) -> Turn:
    """Return the extremum beside a grid point: where the slope first is no longer that of the side before."""
    index, direction = turn
    lo, hi = inputs[max(index - 1, 0)], inputs[min(index + 1, inputs.size - 1)]

    def turned(v: FloatArray) -> NDArray[np.bool_]:
        return np.asarray(direction * slope(v) <= 0.0)

    at = first_true(turned, lo, hi)
    check_finite(np.atleast_1d(at), np.atleast_1d(value(at)), where)
    worse = direction * (value(inputs[index]) - value(at)) > 0
    return Turn(float(inputs[index] if worse else at), "maximum" if direction > 0 else "minimum")


def _check_jumps(value: Elementwise, inputs: FloatArray, outputs: FloatArray, least: float, where: str) -> None:
    """Follow each large change into ever smaller parts of its interval; that of a continuous function shrinks."""
    steep = np.flatnonzero(np.abs(np.diff(outputs)) > least)
    before, after = to_order(inputs[steep]), to_order(inputs[steep + 1])
    at_before, at_after = outputs[steep], outputs[steep + 1]
    for _ in range(64):
        middle = halfway(before, after)
        at = value(from_order(middle))
        check_finite(from_order(middle), at, where)
        left = np.abs(at - at_before) > np.abs(at_after - at)
        after, at_after = np.where(left, middle, after), np.where(left, at, at_after)
        before, at_before = np.where(left, before, middle), np.where(left, at_before, at)
    jumps = np.abs(at_after - at_before) > least
    if jumps.any():
        at = from_order(after)[jumps][0]
        raise InputError(f"{where} jumps at x = {_shown(at)}; a ramp can realise continuous functions only")


def _shown(number: float) -> str:
    return f"{round(float(number), 12) + 0.0:.9g}"  # a search ends at the double beside 0, not at 0


def _listed(turns: Sequence[Turn]) -> str:
    places = [f"at x = {turn.at:.9g} ({turn.kind})" for turn in turns]
    return " and ".join([", ".join(places[:-1]), places[-1]] if len(places) > 1 else places or ["nowhere"])
