"""Figures of a ramp experiment; Matplotlib without pyplot, so that no global state and no display is needed."""

import re
from collections.abc import Iterator, Sequence
from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from memramp.experiments.figures import to_png
from memramp.experiments.ramp_loading import RampExperiment
from memramp.experiments.ramp_results import BlockSummary, ColumnRow, Reference, VReadRow
from memramp.experiments.ramp_runner import RampResult
from memramp.experiments.ramp_schema import BEFORE, IDEAL, ColumnCalibration, RampExperimentConfig, VReadConfig
from memramp.experiments.ramp_v_read import converter_at
from memramp.peripherals import CircuitConfig, RampDesign
from memramp.peripherals.function import FloatArray

MAX_COLUMNS = 16
"""Most columns of a block whose transfer curves are drawn; INL is shown for all."""

# Colours of Okabe and Ito, told apart by colour-blind readers as well; the ideal lies behind as a broad grey line.
_BEFORE, _AFTER, _LOW, _HIGH, _LIMIT = "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#4D4D4D"
_IDEAL: dict[str, Any] = {"color": "black", "lw": 2.5, "alpha": 0.35}
_SUPTITLE: dict[str, Any] = {"fontsize": "medium", "parse_math": False}
_V_READ = r"$V_\mathrm{read}$"
_STYLES = (("-", "o"), ("--", "s"), (":", "D"), ("-.", "^"))  # of blocks


def draw_all(experiment: RampExperiment, result: RampResult) -> Iterator[tuple[str, bytes]]:
    """Yield the figures of a run as (file name, PNG): for each function its ramps, blocks, calibrations, V_read."""
    config, taken = experiment.config, set[str]()
    after = config.calibrations[0]
    for part in experiment.sets:
        name = _file_name(part.function.name, taken)
        rows = [row for row in result.rows if row.function == part.function.name]
        yield f"ramps_{name}.png", to_png(plot_ramps(rows, after))
        yield f"blocks_{name}.png", to_png(plot_blocks(rows, after, config.inl_limit))
        summaries = [each for each in result.summaries if each.first.function == part.function.name]
        yield f"calibrations_{name}.png", to_png(plot_calibrations(summaries, config))
        if config.v_read is not None:
            v_read = [row for row in result.v_read if row.function == part.function.name]
            yield f"v_read_{name}.png", to_png(plot_v_read(part.design, v_read, config.v_read))


def _file_name(function: str, taken: set[str]) -> str:
    """Return a name for files: an expression may hold anything."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", function).strip("_")[:32] or "function"
    name = next(name for k in range(1, len(taken) + 2) if (name := plain if k == 1 else f"{plain}_{k}") not in taken)
    taken.add(name)
    return name


def plot_ramps(rows: Sequence[ColumnRow], after: ColumnCalibration) -> Figure:
    """Draw one ramp three times: ideal, as programmed, and calibrated; staircase, transfer curve and INL.

    Parameters
    ----------
    rows : sequence of ColumnRow
        Those of one function; drawn is the first column of its first block.
    after : ColumnCalibration
        The calibration.
    """
    ideal, first = rows[0], rows[1]
    before, calibrated = (_find(rows, first.block, name)[0] for name in (BEFORE, after.label))
    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    staircase, transfer, linearity = figure.subplots(1, 3)
    figure.suptitle(f"{_title(ideal.design)}, column 1 of block '{first.block}'", **_SUPTITLE)
    staircase.stairs(ideal.values, baseline=None, **_IDEAL, label="ideal")
    _draw_ideal(transfer, ideal)
    linearity.axhline(0.0, **_IDEAL)
    for row, colour, label in ((before, _BEFORE, "uncalibrated"), (calibrated, _AFTER, f"{after.title} calibrated")):
        staircase.stairs(row.values, baseline=None, color=colour, lw=1.2, label=label)
        _draw_transfer(transfer, row, colour)
        found = f"mean {row.mean_inl:.2f}, max {row.max_inl:.2f}"
        linearity.plot(_transitions(row), row.inl, color=colour, marker="o", ms=3, lw=1.0, label=found)
    staircase.set(xlabel="clock cycle", ylabel="ramp (pre-activation)", title="Staircase")
    transfer.set(xlabel="pre-activation", ylabel="output", title="Transfer curve")
    linearity.set(xlabel="transition", ylabel="INL (LSB of the output)", title="Integral nonlinearity")
    staircase.legend(fontsize="small", frameon=False)
    _legend_above(linearity, 2, title="|INL| (LSB)")
    for axes in (staircase, linearity):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def plot_blocks(rows: Sequence[ColumnRow], after: ColumnCalibration, limit: float) -> Figure:
    """Draw the blocks, a row of panels each: transfer curves before and after calibration, and INL of each column.

    Parameters
    ----------
    rows : sequence of ColumnRow
        Those of one function.
    after : ColumnCalibration
        The calibration.
    limit : float
        Limit of the INL, drawn as a line [LSB].
    """
    blocks = _blocks(rows)
    figure = Figure(figsize=(10.5, 0.8 + 2.8 * len(blocks)), layout="constrained")
    panels = figure.subplots(len(blocks), 3, squeeze=False)
    figure.suptitle(_title(rows[0].design), **_SUPTITLE)
    for (left, middle, right), block in zip(panels, blocks, strict=True):
        states = [_find(rows, block, name) for name in (BEFORE, after.label)]
        n = len(states[0])
        shown = f"{MAX_COLUMNS} of {n} columns, " if n > MAX_COLUMNS else ""
        for axes, state, colour, title in (
            (left, states[0], _BEFORE, "uncalibrated"),
            (middle, states[1], _AFTER, f"{after.title} calibrated"),
        ):
            _draw_ideal(axes, rows[0])
            for row in state[:MAX_COLUMNS]:
                _draw_transfer(axes, row, colour)
            axes.set(xlabel="pre-activation", ylabel="output", title=f"{block}: {shown}{title}")
        _draw_columns(right, states, limit)
        right.set_title(f"{block}: INL of each column")
    figure.legend(handles=_entries_of_columns(after), ncols=5, frameon=False, loc="outside lower center")
    return figure


def _draw_columns(axes: Axes, states: Sequence[Sequence[ColumnRow]], limit: float) -> None:
    n = len(states[0])
    numbers, size = np.arange(1, n + 1), 6.0 if n <= 20 else 2.5
    largest = [np.array([row.max_inl for row in state]) for state in states]
    axes.vlines(numbers, largest[1], largest[0], color="#BBBBBB", lw=1.5 if n <= 20 else 0.5, zorder=1)
    for state, values, colour in zip(states, largest, (_BEFORE, _AFTER), strict=True):
        axes.plot(numbers, values, ls="", **_marker("max", colour, size))
        axes.plot(numbers, [row.mean_inl for row in state], ls="", **_marker("mean", colour, size))
    axes.axhline(limit, color=_LIMIT, ls="--", lw=1.0)
    axes.set(xlabel="column", ylabel="|INL| (LSB of the output)", xlim=(0.4, n + 0.6))
    axes.set_ylim(0.0, 1.12 * max(*map(float, np.concatenate(largest)), limit))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _entries_of_columns(after: ColumnCalibration) -> list[Line2D]:
    states = ((_BEFORE, "uncalibrated"), (_AFTER, f"{after.title} calibrated"))
    entries = [
        Line2D([], [], ls="", **_marker(kind, colour, 6.0), label=f"{kind}, {label}")
        for kind in ("max", "mean")
        for colour, label in states
    ]
    return [*entries, Line2D([], [], color=_LIMIT, ls="--", lw=1.0, label="limit")]


def _marker(kind: str, colour: str, size: float) -> dict[str, Any]:
    """Return the look of a column's INL; the open circle shows what stays where it was."""
    if kind == "mean":
        return {"marker": "_", "color": colour, "ms": 1.6 * size, "mew": 2.0}
    if colour == _BEFORE:
        return {"marker": "o", "color": colour, "ms": 1.25 * size, "mfc": "none", "mew": 1.4}
    return {"marker": "o", "color": colour, "ms": 0.8 * size, "mew": 0.0}


def plot_calibrations(summaries: Sequence[BlockSummary], config: RampExperimentConfig) -> Figure:
    """Draw the largest |INL| of all columns under each calibration, a panel for each block.

    Parameters
    ----------
    summaries : sequence of BlockSummary
        Those of one function.
    config : RampExperimentConfig
        Blocks, titles of the calibrations, and the limit of the INL.
    """
    blocks = [block.name for block in config.blocks]
    titles = {BEFORE: "uncalibrated"} | {entry.label: entry.title for entry in config.calibrations}
    width = 1.5 + len(blocks) * (0.8 + 0.5 * len(titles))
    figure = Figure(figsize=(max(6.0, width), 4.2), layout="constrained")
    panels = figure.subplots(1, len(blocks), squeeze=False, sharey=True)[0]
    figure.suptitle(_title(summaries[0].first.design), **_SUPTITLE)
    for axes, block in zip(panels, blocks, strict=True):
        here = [each for each in summaries if each.first.block == block]
        for place, each in enumerate(here):
            _draw_strip(axes, place, each)
        axes.axhline(config.inl_limit, color=_LIMIT, ls="--", lw=1.0)
        labels = [titles[each.first.calibration] for each in here]
        axes.set_xticks(range(len(here)), labels, rotation=35, ha="right", rotation_mode="anchor")
        axes.set(title=block, xlim=(-0.6, len(here) - 0.4))
        axes.grid(axis="y", alpha=0.25)
    panels[0].set(ylabel="largest |INL| (LSB of the output)")
    panels[0].set_ylim(bottom=0.0)
    entries = [
        Line2D([], [], color=_AFTER, ls="", marker="o", ms=5, mec="white", label="column"),
        Line2D([], [], color="black", lw=1.8, label="mean"),
        Line2D([], [], color=_LIMIT, ls="--", lw=1.0, label="limit"),
    ]
    panels[0].legend(handles=entries, fontsize="small", frameon=False, loc="upper right")
    return figure


def _draw_strip(axes: Axes, place: int, summary: BlockSummary) -> None:
    values = np.array([row.max_inl for row in summary.rows])
    aside = 0.22 * np.linspace(-1.0, 1.0, len(values)) if len(values) > 1 else np.zeros(1)
    colour = _BEFORE if summary.first.calibration == BEFORE else _AFTER
    size = 6.0 if len(values) <= 20 else 2.5
    axes.plot(place + aside, values, "o", color=colour, ms=size, mec="white", mew=0.6)
    axes.hlines(summary.mean_max_inl, place - 0.32, place + 0.32, color="black", lw=1.8)


def plot_v_read(design: RampDesign, rows: Sequence[VReadRow], config: VReadConfig) -> Figure:
    """Draw the transfer curves of both references at the ends of the sweep, and the shift of the codes.

    Parameters
    ----------
    design : RampDesign
        The ideal ramp, whose transfer curves are drawn.
    rows : sequence of VReadRow
        Those of one function.
    config : VReadConfig
        Read voltages.
    """
    figure = Figure(figsize=(10.5, 6.2), layout="constrained")
    panels = figure.subplots(2, 2)
    figure.suptitle(_title(design), **_SUPTITLE)
    titles: dict[Reference, str] = {"tracking": f"Ramp driven by {_V_READ}", "fixed": "Fixed reference"}
    for axes, reference in zip(panels[0], titles, strict=True):
        _draw_curves(axes, design, config, reference)
        axes.set(xlabel="pre-activation", ylabel="output", title=titles[reference])
        axes.legend(fontsize="small", frameon=False, loc="upper left")
    for axes, key, title in zip(panels[1], ("mean", "largest"), ("Mean", "Largest"), strict=True):
        _draw_shift(axes, rows, key)
        axes.axvline(config.nominal, color=_LIMIT, ls=":", lw=1.0)
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
        (config.values[0], {"color": _LOW, "lw": 1.4, "zorder": 2.1}),
        (config.nominal, {**_IDEAL, "lw": 3.0}),
        (config.values[-1], {"color": _HIGH, "lw": 1.4, "ls": "--", "zorder": 2.2}),
    ):
        placed = converter_at(design, design.thresholds, reference, v_read, circuit, v.size, rng)
        axes.plot(v, placed.decode(placed.convert(v[None])[0]), **style, label=f"{v_read:g} V")


def _draw_shift(axes: Axes, rows: Sequence[VReadRow], key: str) -> None:
    references: tuple[tuple[Reference, str, str], ...] = (
        ("fixed", _BEFORE, "fixed reference"),
        ("tracking", _AFTER, "ramp"),
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


def _title(design: RampDesign) -> str:
    name = shorten(design.function.name, 60, placeholder="...")
    return f"{design.bits}-bit {name} ramp, levels '{design.levels.kind}'"


def _blocks(rows: Sequence[ColumnRow]) -> list[str]:
    return [name for name in dict.fromkeys(row.block for row in rows) if name != IDEAL]


def _find(rows: Sequence[ColumnRow], block: str, calibration: str) -> list[ColumnRow]:
    return [row for row in rows if (row.block, row.calibration) == (block, calibration)]


def _transitions(row: ColumnRow) -> FloatArray:
    return np.arange(1.0, row.thresholds.size + 1)


def _grid(row: ColumnRow) -> FloatArray:
    reach = 1.15 * row.design.levels.range
    return np.linspace(-reach, reach, 2001)


def _draw_ideal(axes: Axes, row: ColumnRow) -> None:
    v = _grid(row)
    axes.plot(v, row.design.outputs[np.searchsorted(row.thresholds, v, side="right")], **_IDEAL, label="ideal")


def _draw_transfer(axes: Axes, row: ColumnRow, colour: str) -> None:
    v = _grid(row)
    axes.plot(v, row.design.outputs[np.searchsorted(row.thresholds, v, side="right")], color=colour, lw=1.0)


def _legend_above(axes: Axes, entries: int, title: str) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.13 * (1 + entries) * (high - low))  # room for the legend above the curves
    axes.legend(fontsize="small", title_fontsize="small", title=title, loc="upper left", frameon=False)
