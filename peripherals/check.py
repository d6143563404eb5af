"""What a read-back says of programmed ramp columns, and what is to be written next.

The ramp is computed from the measured conductances. Where it is not linear enough, an updated table is made:

1. Free spare devices take over from ramp and bias devices that seem stuck, the worst of them first.
2. Ramp devices that are out of their tolerance are written again, to the same target. Where that is not to be enough,
   so are the worst of those within it.
3. Bias devices get new targets, so that the mid-scale crossing comes to lie where it should (one-point calibration).
   Each write brings an error of its own, so the fewest devices that can hold the change within the window are
   written; these share it evenly.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from memramp.defaults import INL_LIMIT
from memramp.errors import InputError
from memramp.peripherals.function import FloatArray
from memramp.peripherals.linearity import inl_dnl, missing_codes
from memramp.peripherals.measured_ramp import outside, staircase, suspects
from memramp.peripherals.programmed_ramp import BoolArray
from memramp.peripherals.proposal import Proposal, moved, propose
from memramp.peripherals.ramp import RampDesign
from memramp.peripherals.readback import Readback
from memramp.peripherals.table import RampTable, TableRamp


@dataclass(frozen=True, eq=False)
class RampCheck:
    """What was found on one ramp, and what is proposed. Rows are word lines."""

    design: RampDesign
    """What is meant."""

    thresholds: FloatArray
    """Realised thresholds, [K], non-decreasing [pre-activation]."""

    inl: FloatArray
    """Integral nonlinearity, [K]; see `memramp.peripherals.inl_dnl` [LSB]."""

    dnl: FloatArray
    """Differential nonlinearity, [K - 1] [LSB]."""

    missing_codes: tuple[int, ...]
    """Codes that no input leads to."""

    passed: bool
    """Whether |INL| stays within the limit and no code is missing."""

    mid_scale_error: float
    """How far the mid-scale value lies from its ideal one [pre-activation]."""

    out_of_tolerance: tuple[int, ...]
    """Ramp and bias devices that are too far from their present target."""

    stuck: tuple[int, ...]
    """Devices that seem stuck, or were found so before."""

    held: Mapping[int, float]
    """What stuck devices hold, within the window [uS]."""

    moves: Mapping[int, int]
    """Stuck ramp and bias devices, and the spares that take over; none where the ramp passed, as for what follows."""

    rewrite: tuple[int, ...]
    """Ramp devices to be written again."""

    bias_targets: Mapping[int, float]
    """Bias devices to be written, and their new targets [uS]."""

    bias_fits: bool
    """Whether the mid-scale crossing can be set with conductances within the window."""

    further_bias_devices: int
    """How many bias devices it would take more (negative: fewer); 0 where it fits."""

    expected_inl: FloatArray
    """INL once all that was written is where it should be, [K] [LSB]."""

    expected_dnl: FloatArray
    """DNL likewise, [K - 1] [LSB]."""

    @property
    def worst_inl(self) -> float:
        """Largest |INL| [LSB]."""
        return float(np.abs(self.inl).max())

    @property
    def worst_dnl(self) -> float:
        """Largest |DNL| [LSB]."""
        return float(np.abs(self.dnl).max(initial=0.0))

    @property
    def expected_worst_inl(self) -> float:
        """Largest |INL| to be expected after the proposed writes [LSB]."""
        return float(np.abs(self.expected_inl).max())


@dataclass(frozen=True)
class CheckReport:
    """What was found on all ramps of a read-back."""

    ramps: Mapping[str, RampCheck]
    """By name."""

    inl_limit: float
    """Largest |INL| of a ramp that passes [LSB]."""

    @property
    def passed(self) -> bool:
        """Whether all ramps passed."""
        return all(ramp.passed for ramp in self.ramps.values())


def check_readback(
    table: RampTable, readback: Readback, inl_limit: float = INL_LIMIT, *, stuck_margin: float | None = None
) -> CheckReport:
    """Check programmed ramp columns.

    Parameters
    ----------
    table, readback : RampTable, Readback
        What was programmed and what was measured.
    inl_limit : float
        Largest |INL| of a ramp that passes [LSB].
    stuck_margin : float or None
        A device is taken to be stuck if it is out of its tolerance and so near to g_min or g_max; None: 2 % of the
        window; less than half of it [uS].

    Raises
    ------
    InputError
        A limit or margin that is not positive, or a margin that leaves no place for healthy devices.
    """
    for name, value in (("INL limit", inl_limit), ("stuck margin", stuck_margin)):
        if value is not None and not 0.0 < value < math.inf:
            raise InputError(f"the {name} must be a positive number, found {value:g}")
    if stuck_margin is not None:
        for name in readback.measured:
            check_margin(table.ramp(name), stuck_margin)
    found = {
        name: _check(table.ramp(name), g, inl_limit, stuck_margin) for name, g in readback.measured.items()
    }
    return CheckReport(found, inl_limit)


def check_margin(ramp: TableRamp, margin: float) -> None:
    """Check that a margin of stuck devices leaves a place for healthy ones, see `check_readback`.

    Raises
    ------
    InputError
        It is half the window or more.
    """
    low, high = ramp.settings.g_min_uS, ramp.settings.g_max_uS
    if not 2.0 * margin < high - low:
        window = f"the window of the ramp {ramp.name}, {low:g} to {high:g} uS"
        raise InputError(f"the stuck margin must be less than half {window}, found {margin:g} uS")


def _check(ramp: TableRamp, g: FloatArray, inl_limit: float, margin: float | None) -> RampCheck:
    design, lines = ramp.design(), ramp.word_lines()
    values = staircase(design, g[lines])
    inl, dnl = inl_dnl(values[design.compared], design)
    missing = _missing_codes(values[design.compared], design)
    passed = bool(np.abs(inl).max() <= inl_limit) and not missing
    bad = suspects(ramp, g, margin) | np.array([row.write == "never" for row in ramp.rows])
    off = outside(ramp, g) & np.array([row.role != "spare" for row in ramp.rows])
    proposal = Proposal.none(g) if passed else propose(ramp, g, bad, off, inl_limit)
    expected = values if passed else staircase(design, proposal.g[moved(lines, proposal.moves)])
    expected_inl, expected_dnl = inl_dnl(expected[design.compared], design)
    return RampCheck(
        design=design,
        thresholds=values[design.compared],
        inl=inl,
        dnl=dnl,
        missing_codes=missing,
        passed=passed,
        mid_scale_error=float(values[design.anchor] - design.ramp[design.anchor]),
        out_of_tolerance=_rows(off),
        stuck=_rows(bad),
        held={row: float(np.clip(g[row], design.g_min, design.g_max)) for row in _rows(bad)},
        moves=proposal.moves,
        rewrite=proposal.rewrite,
        bias_targets=proposal.bias_targets,
        bias_fits=proposal.fits,
        further_bias_devices=proposal.further,
        expected_inl=expected_inl,
        expected_dnl=expected_dnl,
    )


def _missing_codes(thresholds: FloatArray, design: RampDesign) -> tuple[int, ...]:
    return tuple(np.unique(design.levels.codes)[missing_codes(thresholds, design)].tolist())


def _rows(mask: BoolArray) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask).tolist())
