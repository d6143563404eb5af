"""The figure of the read voltage of a ramp experiment."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from memramp.experiments.ramp_results import Reference, VReadRow
from memramp.experiments.ramp_schema import VReadConfig
from memramp.experiments.ramp_style import (
    AFTER_COLOUR,
    BEFORE_COLOUR,
    HIGH_COLOUR,
    IDEAL_LINE,
    LIMIT_COLOUR,
    LOW_COLOUR,
    SUPTITLE,
    title_of,
)
from memramp.experiments.ramp_v_read import converter_at
from memramp.peripherals import CircuitConfig, RampDesign

_V_READ = r"$V_\mathrm{read}$"
_STYLES = (("-", "o"), ("--", "s"), (":", "D"), ("-.", "^"))  # of blocks


def plot_v_read(design: RampDesign, rows: Sequence[VReadRow], config: VReadConfig, about: str = "") -> Figure:
    """Draw the transfer curves of both references at the ends of the sweep, and the shift of the codes.

    Parameters
    ----------
    design : RampDesign
        The ideal ramp, whose transfer curves are drawn.
    rows : sequence of VReadRow
        Those of one function.
    config : VReadConfig
        Read voltages.
    about : str
        Second line of the title: the devices and their errors.
    """
    figure = Figure(figsize=(10.5, 6.2), layout="constrained")
    panels = figure.subplots(2, 2)
    figure.suptitle(title_of(design, about), **SUPTITLE)
    titles: dict[Reference, str] = {"tracking": f"Ramp driven by {_V_READ}", "fixed": "Fixed reference"}
    for axes, reference in zip(panels[0], titles, strict=True):
        _draw_curves(axes, design, config, reference)
        axes.set(xlabel="pre-activation", ylabel="output", title=titles[reference])
        axes.legend(fontsize="small", frameon=False, loc="upper left")
    for axes, key, title in zip(panels[1], ("mean", "largest"), ("Mean", "Largest"), strict=True):
        _draw_shift(axes, rows, key)
        axes.axvline(config.nominal, color=LIMIT_COLOUR, ls=":", lw=1.0)
        axes.set(xlabel=f"{_V_READ} (V)", ylabel="|shift of the code| (LSB)", title=f"{title} shift of the codes")
        axes.grid(alpha=0.25)
    panels[1][1].yaxis.set_major_locator(MaxNLocator(integer=True))
    panels[1][0].legend(fontsize="small", framealpha=1.0, edgecolor="white", loc="upper center")
    return figure


def _draw_curves(axes: Axes, design: RampDesign, config: VReadConfig, reference: Reference) -> None:
    reach = config.range or 1.15 * design.levels.range
    v, circuit = np.linspace(-reach, reach, 2001), CircuitConfig(v_read=config.nominal)
    rng = np.random.default_rng(0)  # draws nothing: the comparators are ideal
    for v_read, style in (
        (config.values[0], {"color": LOW_COLOUR, "lw": 1.4, "zorder": 2.1}),
        (config.nominal, {**IDEAL_LINE, "lw": 3.0}),
        (config.values[-1], {"color": HIGH_COLOUR, "lw": 1.4, "ls": "--", "zorder": 2.2}),
    ):
        placed = converter_at(design, design.thresholds, reference, v_read, circuit, v.size, rng)
        axes.plot(v, placed.decode(placed.convert(v[None])[0]), **style, label=f"{v_read:g} V")


def _draw_shift(axes: Axes, rows: Sequence[VReadRow], key: str) -> None:
    references: tuple[tuple[Reference, str, str], ...] = (
        ("fixed", BEFORE_COLOUR, "fixed reference"),
        ("tracking", AFTER_COLOUR, "ramp"),
    )
    for reference, colour, label in references:
        for number, block in enumerate(dict.fromkeys(row.block for row in rows)):
            line = [row for row in rows if (row.reference, row.block) == (reference, block)]
            style, marker = _STYLES[number % len(_STYLES)]
            axes.plot(
                [row.v_read for row in line],
                [float(getattr(row, key)) for row in line],
                color=colour, ls=style, marker=marker, ms=5 - number, lw=1.4, label=f"{label}, {block}",
            )  # fmt: skip
