"""Figures of ramp columns; each is a free-standing Matplotlib figure, without pyplot's global state."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from memramp.peripherals.linearity import inl_dnl
from memramp.peripherals.programmed_ramp import ProgrammedRamp
from memramp.peripherals.ramp import RampDesign

# Colours of Okabe and Ito, told apart by colour-blind readers as well; the ideal lies behind as a broad grey line.
_STYLES = {
    "none": ("#D55E00", "uncalibrated"),
    "ideal_bias": ("#E69F00", "ideal bias devices"),
    "one_point": ("#0072B2", "one-point calibrated"),
}
_LINE = 1.0
_Chips = dict[str, list[ProgrammedRamp]]  # by calibration


def plot_ramp(design: RampDesign, programmed: Sequence[ProgrammedRamp]) -> Figure:
    """Draw programmed ramps beside the ideal one: staircase, transfer curve, and integral nonlinearity.

    Ramps are told apart by their calibration; several of one calibration (chips) share a colour and a legend entry.

    Parameters
    ----------
    design : RampDesign
        The ideal ramp.
    programmed : sequence of ProgrammedRamp
        Ramps made for this design; may be empty.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``.
    """
    figure = Figure(figsize=(12.0, 3.9), layout="constrained")
    staircase, transfer, linearity = figure.subplots(1, 3)
    figure.suptitle(f"{design.bits}-bit {design.function.name} ramp, levels '{design.levels.kind}'")
    chips = {kind: [ramp for ramp in programmed if ramp.calibration == kind] for kind in _STYLES}
    chips = {kind: ramps for kind, ramps in chips.items() if ramps}
    _draw_staircase(staircase, design, chips)
    _draw_transfer(transfer, design, chips)
    _draw_inl(linearity, design, chips)
    return figure


def _draw_staircase(axes: Axes, design: RampDesign, chips: _Chips) -> None:
    axes.stairs(design.levels.ramp, baseline=None, color="black", lw=2.5, alpha=0.35, label="ideal")
    for kind, ramps in chips.items():
        colour, label = _STYLES[kind]
        for ramp in ramps:
            axes.stairs(ramp.values, baseline=None, color=colour, lw=_LINE, label=label if ramp is ramps[0] else None)
    axes.set(xlabel="clock cycle", ylabel="ramp (pre-activation)", title="Staircase")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize="small")


def _draw_transfer(axes: Axes, design: RampDesign, chips: _Chips) -> None:
    reach = 1.15 * design.levels.range
    v = np.linspace(-reach, reach, 2001)
    axes.plot(v, design.function(v), color="black", lw=2.5, alpha=0.35, label=design.function.name)
    for kind, ramps in chips.items():
        colour, label = _STYLES[kind]
        for ramp in ramps:
            codes = np.searchsorted(ramp.thresholds, v, side="right")
            axes.plot(v, design.outputs[codes], color=colour, lw=_LINE, label=label if ramp is ramps[0] else None)
    axes.set(xlabel="pre-activation", ylabel="output", title="Transfer curve")
    axes.legend(fontsize="small")


def _draw_inl(axes: Axes, design: RampDesign, chips: _Chips) -> None:
    transitions = np.arange(1, design.thresholds.size + 1)
    axes.axhline(0.0, color="black", lw=2.5, alpha=0.35)
    for kind, ramps in chips.items():
        colour, label = _STYLES[kind]
        inl, _ = inl_dnl(np.stack([ramp.thresholds for ramp in ramps]), design)
        thin = _LINE if len(ramps) == 1 else 0.6 * _LINE
        lines = axes.plot(transitions, inl.T, color=colour, marker="o", ms=2.5, lw=thin)
        worst = np.abs(inl).max(axis=1).mean()
        lines[0].set_label(f"{label}: max {worst:.2f}" + (f" (mean of {len(ramps)})" if len(ramps) > 1 else ""))
    axes.set(xlabel="transition to code", ylabel="INL (LSB of the output)", title="Integral nonlinearity")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if chips:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.12 * (1 + len(chips)) * (high - low))  # room for the legend above the curves
        axes.legend(fontsize="small", loc="upper left")
