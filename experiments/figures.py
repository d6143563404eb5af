"""Figures of a run; Matplotlib without pyplot, so that no global state and no display is needed."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure

from memramp.crossbar.mapping import tiling_of
from memramp.crossbar.wire_figures import evenly_wrapped, plot_worst_case, worst_case
from memramp.crossbar.wires import WireConfig
from memramp.experiments.accuracy_figures import plot_chips, plot_sweep
from memramp.experiments.axis_labels import value_label
from memramp.experiments.loading import Experiment
from memramp.experiments.preparation import PreparedPoint
from memramp.experiments.report import described, joined_in_digital
from memramp.experiments.results import PointSummary, best, row_percent
from memramp.experiments.runner import RunResult
from memramp.peripherals import Calibration, design_converter, program_ramp
from memramp.peripherals.figures import plot_ramp
from memramp.streams import Streams

DPI = 150

MAX_RAMPS = 10
"""Most chips whose ramps are drawn."""

_Array = tuple[int, int, float, WireConfig]  # rows, columns, conductance of all devices [uS], wires


def draw_all(
    experiment: Experiment, prepared: Sequence[PreparedPoint], result: RunResult
) -> Iterator[tuple[str, bytes]]:
    """Yield the figures of a run as (file name, PNG)."""
    metric = result.summaries[0].metric
    yield f"{metric.name}.png", to_png(
        plot_sweep(experiment, result.summaries) if experiment.swept else plot_chips(result.summaries[0])
    )
    if (found := best(result.summaries)).confusion is not None:
        yield "confusion.png", to_png(plot_confusion(found, result.classes))
    ramps = [part for part in prepared if part.hardware.activation.kind == "nladc" and not joined_in_digital(part)]
    if ramps:
        yield "ramps.png", to_png(plot_chip_ramps(ramps[0]))
    wired = [part for part in prepared if not part.hardware.crossbar.wires.ideal]
    if wired:
        yield "ir_drop.png", to_png(plot_array_ir_drop(wired))


def plot_array_ir_drop(parts: Sequence[PreparedPoint]) -> Figure:
    """Draw the worst-case IR drop of the first array of the gate matrix: all devices at g_max, all inputs full.

    Of several points, the one that loses most is drawn, the first of equals; each costs no more than a chip that was
    solved for it.
    """
    arrays: dict[_Array, PreparedPoint] = {}
    for part in parts:
        arrays.setdefault(_first_array(part), part)
    cases = {array: worst_case(*array) for array in arrays}
    worst = max(cases, key=lambda array: float(cases[array].drop.max()))
    point = arrays[worst].point
    values = ", ".join(f"{key} {value_label(value)}" for key, value in point.sweep.items())
    about = f"point {point.number}, the worst of the sweep: {values}" if point.sweep else ""
    return plot_worst_case(cases[worst], about.replace("\u00a0", " "))


def _first_array(part: PreparedPoint) -> _Array:
    hardware, config = part.hardware, part.hardware.crossbar
    tiling = tiling_of(part.checkpoint.lstm.stacked().shape, config)
    rows, cols = (first.stop - first.start for first in tiling.blocks()[0])
    lines = cols * tiling.planes_per_array + (1 if config.mapping == "offset" else 0)
    return rows, lines, hardware.device.g_max, config.wires


def to_png(figure: Figure) -> bytes:
    """Return the figure as a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def plot_confusion(summary: PointSummary, classes: Sequence[str]) -> Figure:
    """Draw which class (rows) was taken for which (columns) on all chips, in percent of the row."""
    assert summary.confusion is not None
    percent, n = row_percent(summary.confusion), len(classes)
    size = 2.6 + 0.42 * n
    figure = Figure(figsize=(size + 0.9, size), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(percent, cmap="Blues", vmin=0.0, vmax=100.0)
    for true, found in np.argwhere(percent > 0.5):
        colour = "white" if percent[true, found] > 55.0 else "black"
        axes.text(found, true, f"{percent[true, found]:.0f}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(n), classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n), classes)
    chips = len(summary.chips)
    axes.set(xlabel="found", ylabel="true")
    title = f"{summary.mean:.2f} % right on {chips} noisy chip{'s' if chips > 1 else ''}"
    axes.set_title("\n".join([title, *evenly_wrapped(summary.label, 60)]), fontsize="medium")
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#DDDDDD", lw=0.6)
    axes.tick_params(which="minor", length=0)
    figure.colorbar(image, ax=axes, label="part of the row's clips (%)", shrink=0.8)
    return figure


def plot_chip_ramps(part: PreparedPoint) -> Figure:
    """Draw the sigmoid ramps of the first chips, before and after calibration, beside the ideal one."""
    hardware, config = part.hardware, part.hardware.activation
    design = design_converter(config, "sigmoid", hardware.design_device)
    shown = list(dict.fromkeys((Calibration(kind="none"), config.calibration)))
    ramps = []
    for chip in range(1, min(part.point.config.chips, MAX_RAMPS) + 1):
        streams = Streams(part.point.config.seed).child("chip", chip)
        for calibration in shown:
            rng = streams.generator("sigmoid", "program")  # the stream of the simulated chip
            ramps.append(program_ramp(design, hardware.devices_of_ramp, rng, calibration))
    return plot_ramp(design, ramps, about=described(hardware.devices_of_ramp, None))
