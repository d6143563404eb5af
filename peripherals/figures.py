"""Figures of ramp columns; each is a free-standing Matplotlib figure, without pyplot's global state."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from memramp.peripherals.calibration import Calibration
from memramp.peripherals.function import FloatArray
from memramp.peripherals.linearity import inl_dnl
from memramp.peripherals.programmed_ramp import ProgrammedRamp
from memramp.peripherals.ramp import RampDesign
from memramp.peripherals.wording import calibration_label

# Colours of Okabe and Ito, told apart by colour-blind readers as well; the ideal lies behind as a broad grey line.
_COLOURS = {"none": "#D55E00", "ideal_bias": "#E69F00", "one_point": "#0072B2", "two_point": "#009E73"}
_FURTHER = ("#CC79A7", "#56B4E9", "#000000")  # for calibrations that differ from another in more than their kind
_IDEAL: dict[str, Any] = {"color": "black", "lw": 2.5, "alpha": 0.35}
_LIMIT: dict[str, Any] = {"color": "#4D4D4D", "lw": 1.0, "ls": "--"}
_LINE = 1.0
_FEW, _MANY = 3, 12  # chips whose INL has markers; above which bands stand for lines
_CENTRAL = (5.0, 95.0)  # percentiles between which the inner band lies
_POINTS = 2001


class _Chips:
    """Ramps of one calibration, which share colour and legend entry."""

    def __init__(self, ramps: list[ProgrammedRamp], colour: str) -> None:
        self.ramps = ramps
        few = len(ramps) <= _FEW
        self.style: dict[str, Any] = {
            "color": colour,
            "lw": _LINE if len(ramps) == 1 else 0.6 * _LINE,
            "alpha": 1.0 if few else max(0.15, 1.0 - 0.05 * len(ramps)),
        }

    def entry(self, inl: FloatArray, name: str | None) -> Line2D:
        """Return the legend's entry, with the largest |INL| of each chip, [chips, K], on the mean."""
        count, worst = len(self.ramps), np.abs(inl).max(axis=1).mean()
        mean = f", mean of {count} chips" if count > 1 else ""
        label = f"{name or calibration_label(self.ramps[0].calibration)}: max |INL| {worst:.2f} LSB{mean}"
        return Line2D([], [], color=self.style["color"], lw=1.5, label=label)


def plot_ramp(
    design: RampDesign,
    programmed: Sequence[ProgrammedRamp],
    *,
    label: str | None = None,
    about: str = "",
    inl_limit: float | None = None,
) -> Figure:
    """Draw programmed ramps beside the ideal one: staircase, transfer curve, and integral nonlinearity.

    Ramps are told apart by their calibration; several of one calibration (chips) share a colour and a legend entry. The
    INL of more than twelve is shown as two bands: all of them, and 90 % of them at each transition.

    Parameters
    ----------
    design : RampDesign
        The ideal ramp.
    programmed : sequence of ProgrammedRamp
        Ramps made for this design; may be empty.
    label : str or None
        What to call them in the legend, such as ``measured``; None: by their calibration.
    about : str
        Second line of the title: the devices and their errors.
    inl_limit : float or None
        Limit of the INL, drawn on either side of 0; None: none [LSB].

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``.
    """
    figure = Figure(figsize=(12.0, 4.3), layout="constrained")
    staircase, transfer, linearity = figure.subplots(1, 3)
    title = f"{design.bits}-bit ramp of {_short(design.function.name)}, levels '{design.levels.kind}'"
    figure.suptitle("\n".join([title, *([about] if about else [])]), parse_math=False, fontsize="medium")
    chips = _by_calibration(programmed)
    _draw_staircase(staircase, design, chips)
    _draw_transfer(transfer, design, chips)
    entries = [Line2D([], [], **_IDEAL, label="ideal"), *_draw_inl(linearity, design, chips, label)]
    if inl_limit is not None:
        for end in (-inl_limit, inl_limit):
            linearity.axhline(end, **_LIMIT)
        entries.append(Line2D([], [], **_LIMIT, label=f"limit, {inl_limit:g} LSB"))
    figure.legend(handles=entries, loc="outside lower center", ncols=2 if len(entries) > 3 else len(entries))
    return figure


def _by_calibration(programmed: Sequence[ProgrammedRamp]) -> list[_Chips]:
    groups: dict[Calibration, list[ProgrammedRamp]] = {}
    for ramp in programmed:
        groups.setdefault(ramp.calibration, []).append(ramp)
    free, further, chips = dict(_COLOURS), list(_FURTHER), []
    for calibration in sorted(groups, key=lambda found: (list(_COLOURS).index(found.kind), found.copies, found.remap)):
        colour = free.pop(calibration.kind, None) or further[0]
        further = further if colour != further[0] else [*further[1:], colour]
        chips.append(_Chips(groups[calibration], colour))
    return chips


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}..."


def _draw_staircase(axes: Axes, design: RampDesign, chips: list[_Chips]) -> None:
    edges = np.arange(design.ramp.size + 1)  # the start value stands before clock 1, value k from clock k on
    axes.stairs(design.ramp, edges, baseline=None, **_IDEAL)
    for each in chips:
        for ramp in each.ramps:
            axes.stairs(ramp.values, edges, baseline=None, **each.style)
    axes.set(xlabel="clock cycle", ylabel="ramp (pre-activation)", title="Staircase")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_transfer(axes: Axes, design: RampDesign, chips: list[_Chips]) -> None:
    lo, hi = design.thresholds[0], design.thresholds[-1]
    margin = 0.12 * (hi - lo)
    v = np.linspace(lo - margin, hi + margin, _POINTS)
    for fold in design.function.folds:
        if v[0] < fold < v[-1]:
            axes.axvline(fold, color="black", lw=0.8, ls=":", alpha=0.6)
    axes.plot(v, design.function(v), **_IDEAL)
    for each in chips:
        for ramp in each.ramps:
            axes.plot(v, design.outputs[np.searchsorted(ramp.thresholds, v, side="right")], **each.style)
    axes.set(xlabel="pre-activation", ylabel="output", title="Transfer curve")


def _draw_inl(axes: Axes, design: RampDesign, chips: list[_Chips], label: str | None) -> list[Line2D]:
    transitions = np.arange(1, design.thresholds.size + 1)
    axes.axhline(0.0, **_IDEAL)
    entries = []
    for each in chips:
        inl, _ = inl_dnl(np.stack([ramp.thresholds for ramp in each.ramps]), design)
        if len(inl) > _MANY:
            _draw_bands(axes, transitions, inl, each.style["color"])
        else:
            marked = len(inl) <= _FEW and transitions.size < 100
            axes.plot(transitions, inl.T, marker="o", ms=2.5 if marked else 0.0, **each.style)
        entries.append(each.entry(inl, label))
    name = "transition to code" if design.function.monotone else "threshold, in ascending order"
    banded = any(len(each.ramps) > _MANY for each in chips)
    title = "INL (bands: all chips, 90 %)" if banded else "Integral nonlinearity"
    axes.set(xlabel=name, ylabel="INL (LSB of the output)", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return entries


def _draw_bands(axes: Axes, transitions: NDArray[np.int64], inl: FloatArray, colour: str) -> None:
    low, high = np.percentile(inl, _CENTRAL, axis=0)
    axes.fill_between(transitions, inl.min(axis=0), inl.max(axis=0), color=colour, alpha=0.15, lw=0.0)
    axes.fill_between(transitions, low, high, color=colour, alpha=0.35, lw=0.0)
