"""What is to be written next into a ramp column that is not linear enough; the rules are those of `check`."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from memramp.peripherals.function import FloatArray
from memramp.peripherals.linearity import inl_dnl
from memramp.peripherals.measured_ramp import staircase
from memramp.peripherals.programmed_ramp import BoolArray
from memramp.peripherals.ramp import IntArray, RampDesign
from memramp.peripherals.table import TableRamp

_AIM = 0.8  # of the limit: what is written will have errors
_SAME = 1e-9  # of g_max: a change of the bias below it is none


@dataclass(frozen=True, eq=False)
class Proposal:
    """What is to be written; see `memramp.peripherals.check.RampCheck`."""

    g: FloatArray
    """What the devices hold once it is written, by word line [uS]."""

    moves: dict[int, int]
    rewrite: tuple[int, ...]
    bias_targets: dict[int, float]
    fits: bool
    further: int

    @classmethod
    def none(cls, g: FloatArray) -> "Proposal":
        """Return the proposal to leave everything as it is."""
        return cls(g, {}, (), {}, True, 0)


def propose(ramp: TableRamp, g: FloatArray, bad: BoolArray, off: BoolArray, inl_limit: float) -> Proposal:
    """Return what is to be written so that a ramp comes to lie within a limit.

    Parameters
    ----------
    ramp : TableRamp
        What was programmed.
    g : ndarray, [rows]
        What was measured, by word line, as in what follows [uS].
    bad, off : ndarray of bool, [rows]
        Devices that are stuck, and those out of their tolerance.
    inl_limit : float
        Largest |INL| that is wanted [LSB].
    """
    moves = _moves(ramp, g, bad)
    error = np.array([abs(float(g[row.row]) - row.target_uS) * row.pulse_width for row in ramp.rows])
    healthy = [row.row for row in ramp.rows if row.role == "ramp" and not bad[row.row]]
    worst = sorted(healthy, key=lambda row: (not off[row], -error[row]))
    least = int(off[healthy].sum())
    for count in range(least, len(worst) + 1):
        proposal = _trim(ramp, g, bad, moves, worst[:count])
        if _worst_expected(ramp, proposal) <= _AIM * inl_limit:
            return proposal
    return _trim(ramp, g, bad, moves, worst[:least])  # more writes would not be enough


def _trim(ramp: TableRamp, g: FloatArray, bad: BoolArray, moves: dict[int, int], rewrite: list[int]) -> Proposal:
    """Return the proposal to move and to rewrite devices, and to trim the bias for what these are to hold."""
    expected = g.copy()
    for row in rewrite:
        expected[row] = ramp.rows[row].target_uS
    for row, spare in moves.items():
        expected[spare] = designed_target(ramp, row)
    design, lines = ramp.design(), moved(ramp.word_lines(), moves)
    bias = lines[design.column.rows("bias")].tolist()
    usable = [line for line in bias if not bad[line]]
    wanted = _wanted_bias(design, expected[lines]) - sum(float(g[line]) for line in bias if bad[line])
    targets, fits, further = _share(expected, usable, wanted, design, moves.values())
    for row, target in targets.items():
        expected[row] = target
    return Proposal(expected, moves, tuple(sorted(rewrite)), targets, fits, further)


def _moves(ramp: TableRamp, g: FloatArray, bad: BoolArray) -> dict[int, int]:
    stuck = [row for row in ramp.rows if row.role != "spare" and bad[row.row]]
    stuck.sort(key=lambda row: -abs(float(g[row.row]) - designed_target(ramp, row.row)) * row.pulse_width)
    free = [row.row for row in ramp.rows if row.role == "spare" and not bad[row.row]]
    return {row.row: spare for row, spare in zip(stuck, free, strict=False)}


def designed_target(ramp: TableRamp, row: int) -> float:
    """Return what a row is to hold by design [uS]: trimming gives other targets to bias devices."""
    found = ramp.rows[row]
    return ramp.settings.bias_uS if found.role == "bias" else found.target_uS


def moved(lines: IntArray, moves: Mapping[int, int]) -> IntArray:
    """Return the word lines of a column in which spares have taken the place of what they stand in for, and back."""
    both = dict(moves) | {spare: row for row, spare in moves.items()}
    return np.array([both.get(int(line), int(line)) for line in lines], dtype=np.int64)


def _worst_expected(ramp: TableRamp, proposal: Proposal) -> float:
    design, lines = ramp.design(), moved(ramp.word_lines(), proposal.moves)
    inl, _ = inl_dnl(staircase(design, proposal.g[lines])[design.compared], design)
    return float(np.abs(inl).max())


def _wanted_bias(design: RampDesign, g: FloatArray) -> float:
    """Return what the bias devices must hold together for an exact mid-scale crossing, [rows] of the column [uS]."""
    column, steps = design.column, design.column.rows("ramp")
    below = steps[column.clock[steps] <= design.anchor]
    error = float(np.sum((g[below] - column.target[below]) * column.width[below]))
    return (design.bias_total + error) / float(column.width[column.rows("bias")[0]])


def _share(
    g: FloatArray, healthy: list[int], wanted: float, design: RampDesign, fresh: Collection[int]
) -> tuple[dict[int, float], bool, int]:
    """Return new targets for the fewest bias devices, whether they fit, and how many devices more it would take.

    Those that are written anyhow (`fresh`) come first, then those with the most room.
    """
    low, high = design.g_min, design.g_max
    change = wanted - float(np.sum(g[healthy]))
    if abs(change) <= _SAME * high:
        return {}, True, 0
    by_room = sorted(healthy, key=lambda row: (row not in fresh, float(g[row]) * math.copysign(1.0, change)))
    for count in range(1, len(by_room) + 1):
        chosen = by_room[:count]
        target = (float(np.sum(g[chosen])) + change) / count
        if low <= target <= high:
            return dict.fromkeys(sorted(chosen), target), True, 0
    kept = min(max(wanted / len(healthy), low), high) if healthy else 0.0
    return dict.fromkeys(healthy, kept), False, _further(wanted, len(healthy), low, high)


def _further(wanted: float, count: int, low: float, high: float) -> int:
    if wanted > count * high:
        return math.ceil(wanted / high - _SAME) - count
    return max(math.floor(wanted / low + _SAME), 0) - count if low > 0.0 else -count
