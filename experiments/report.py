"""What a run shows in the terminal: what runs, a progress bar, the results in a table."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from memramp.crossbar.mapping import tiling_of
from memramp.devices import Device
from memramp.experiments.axis_labels import flat, unit_of
from memramp.experiments.loading import Experiment
from memramp.experiments.preparation import PreparedPoint
from memramp.experiments.progress import ConsoleProgress
from memramp.experiments.results import PointSummary, Row, best, confusions, overflowing
from memramp.experiments.runner import Reporter, RunResult
from memramp.models.checkpoint import Checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.models.network_arrays import network_arrays
from memramp.models.spec import RecurrentSpec
from memramp.peripherals.wording import calibration_label

SHOWN_CONFUSIONS = 4

_LABEL_WIDTH = 11


class TerminalReporter(Reporter):
    """Shows a run on a console; without a terminal (a pipe, a file) there is no progress bar."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = ConsoleProgress(console)

    def note(self, text: str) -> None:
        """Show what takes time, on a terminal."""
        self._progress.note(text)

    def start(self, experiment: Experiment, prepared: Sequence[PreparedPoint], rows: int) -> None:
        """Show what runs."""
        self._progress.close()
        config = experiment.config
        self._console.print(labelled(_header(experiment, prepared)))
        self._console.print()
        self._progress.start(f"{config.chips} chips", rows)

    def row(self, row: Row) -> None:
        """Move the bar."""
        self._progress.advance(f"point {row.point}" if row.sweep else "evaluating")

    def finish(self, result: RunResult) -> None:
        """Show the results."""
        self.close()
        self._console.print(results_table(result.summaries))
        for lines in (_confusion_lines(result), _overflow_line(result)):
            if lines is not None:
                self._console.print(lines)
        # soft_wrap: a path stays in one piece, so that it can be copied
        self._console.print(Text(f"\nwritten to  {os.fspath(result.folder)}"), soft_wrap=True)

    def close(self) -> None:
        """Remove bar and status."""
        self._progress.close()


def results_table(summaries: Sequence[PointSummary]) -> Table:
    """Return the table of a run: a row a point."""
    metric = summaries[0].metric
    table = Table(title=metric.label.capitalize(), title_justify="left", title_style="bold", box=None, pad_edge=False)
    swept = list(summaries[0].sweep)
    for key in swept:
        table.add_column(Text(_in_lines(key)), justify="right", overflow="fold")
    for heading in ("float", "ideal\nconverter"):
        table.add_column(heading, justify="right")
    n = len(summaries[0].chips)
    table.add_column(f"{n} noisy chip{'s' if n > 1 else ''}\n{'mean ± sd' if n > 1 else ''}".rstrip(), justify="right")
    for summary in summaries:
        values = [Text(value) for value in summary.sweep.values()]
        digital = (metric.number(summary.floating), metric.number(summary.ideal))
        sd = "" if summary.sd is None else f" ± {metric.number(summary.sd)}"
        table.add_row(*values, *digital, f"{metric.number(summary.mean)}{sd}")
    return table


def _in_lines(key: str) -> str:
    """Break a dotted key at its dots into lines of a narrow column."""
    lines: list[str] = []
    for part in key.split("."):
        if lines and len(lines[-1]) + len(part) + 1 <= _LABEL_WIDTH:
            lines[-1] += f".{part}"
        else:
            lines = [*lines[:-1], f"{lines[-1]}.", part] if lines else [part]
    return "\n".join(lines)


def labelled(rows: Sequence[tuple[str, str]]) -> Table:
    """Return lines of a bold label and a text that is wrapped beside it."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(label, Text(" ".join(text.split())))
    return grid


def _confusion_lines(result: RunResult) -> Table | None:
    summary = best(result.summaries)
    if summary.confusion is None:
        return None
    found = confusions(summary.confusion, result.classes, SHOWN_CONFUSIONS)
    if not found:
        return None
    where = f"at the best point ({summary.label}): " if summary.sweep else ""
    pairs = ", ".join(f"{true} -> {other} {percent:.1f} %" for true, other, percent in found)
    return labelled([("mistaken", f"{where}{pairs}")])


def _overflow_line(result: RunResult) -> Table | None:
    """Say where calibration needs bias devices beyond their window: the simulation grants it, a column would not."""
    overflow = np.concatenate([summary.bias_overflow for summary in result.summaries])
    count = overflowing(overflow)
    if not count:
        return None
    share = f"{count} of {len(overflow)} chips"
    need = f"calibration asks a bias device for up to {overflow.max():.2g} uS more than g_max"
    return labelled([("note", f"on {share}, {need}; such a column needs more bias devices")])


def _header(experiment: Experiment, prepared: Sequence[PreparedPoint]) -> list[tuple[str, str]]:
    config = experiment.config
    lines = [
        ("experiment", f"{config.name}: {config.description}" if config.description else config.name),
        ("data", _each(part.data.description for part in prepared)),
        ("network", _each(_network(part) for part in prepared)),
        ("device", _each(_device(part) for part in prepared)),
        ("converter", _each(_converter(part) for part in prepared)),
    ]
    lines += _beyond_ideal([part.hardware for part in prepared], experiment.swept)
    if experiment.swept:
        lines.append(("sweep", "; ".join(f"{key} {_values(experiment, key)}" for key in experiment.swept)))
    points = f" at each of {len(prepared)} points" if experiment.swept else ""
    return [*lines, ("chips", f"{config.chips}{points}, seed {config.seed}")]


def _beyond_ideal(hardware: Sequence[HardwareConfig], swept: Sequence[str]) -> list[tuple[str, str]]:
    """Return lines for blocks that are not the default ones, for measured devices and for known faults.

    Of a block, what all points share: what differs between them is in the line of the sweep.
    """
    lines = []
    for name in ("crossbar", "input", "gates", "state", "linear_adc", "circuit", "environment"):
        blocks = [
            found.model_dump(mode="json", include={name}, exclude_defaults=True).get(name, {}) for found in hardware
        ]
        common = _common([flat(block, f"{name}.") for block in blocks])
        shown = [key for key in common if not any(f"{key}.".startswith(f"{other}.") for other in swept)]
        if shown:
            lines.append((name, ", ".join(_setting(key, common[key]) for key in shown)))
    measured = [found.measured.digests for found in hardware if found.measured is not None]
    if measured:
        lines.append(("measured", ", ".join(key.split(".")[0] for key in measured[0] if key.endswith(".measured"))))
    if files := dict.fromkeys(str(found.faults.path) for found in hardware if found.faults is not None):
        lines.append(("faults", ", ".join(files)))
    return lines


def _setting(key: str, value: Any) -> str:
    """Return a key without its block, its value and its unit: ``comparator.noise 0.001 V``."""
    unit = unit_of(key) if isinstance(value, float) else None
    text = f"{value:g}" if isinstance(value, float) else f"{value}"
    return f"{key.split('.', 1)[1]} {text}" + (f" {unit}" if unit else "")


def _common(blocks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the keys that have the same value in all blocks."""
    first, *others = blocks
    return {
        key: value for key, value in first.items() if all(key in block and block[key] == value for block in others)
    }


def _each(texts: Iterable[str]) -> str:
    different = list(dict.fromkeys(texts))
    return different[0] if len(different) == 1 else f"{different[0]}; {len(different) - 1} more in the sweep"


def _values(experiment: Experiment, key: str) -> str:
    return ", ".join(dict.fromkeys(point.sweep[key] for point in experiment.points))


def _network(part: PreparedPoint) -> str:
    shape = described_network(part.checkpoint)
    reference = part.point.config.model.float_checkpoint
    return f"{part.point.config.model.checkpoint}: {shape}" + (f"; float: {reference}" if reference else "")


def _device(part: PreparedPoint) -> str:
    own = part.point.config.ramp_device
    ramp = "" if own is None else f"; ramps: {described(part.hardware.devices_of_ramp, own.preset)}"
    return described(part.hardware.device, part.point.config.device.preset) + ramp


def described_network(checkpoint: Checkpoint) -> str:
    """Return the layers of a network in a phrase: ``LSTM 40 -> 32, 12 classes``."""
    spec = checkpoint.network
    parts = [_layer(layer) for layer in spec.recurrent]
    what = "symbols" if spec.embedding is not None else "classes"
    return f"{', '.join(parts)}, {len(checkpoint.classes)} {what}"


def _layer(layer: RecurrentSpec) -> str:
    projected = "" if layer.projection is None else f" -> {layer.projection}"
    both = " in both directions" if layer.bidirectional else ""
    return f"{layer.kind.upper()} {layer.inputs} -> {layer.hidden}{projected}{both}"


_NOISE_KINDS = {"polynomial": "polynomial in g", "table": "as measured", "sigma_table": "by measured target"}


def described(device: Device, preset: str | None) -> str:
    """Return a device in a phrase: preset, window, noise, faults."""
    parts = [f"{device.g_min:g} to {device.g_max:g} uS"]
    for name, noise in (("programming", device.prog_noise), ("read", device.read_noise)):
        parts.append(f"{name} noise {noise_text(noise.model_dump())}")
    if (levels := device.level_values()) is not None:
        parts.append(f"{levels.size} levels")
    if device.g_min_std or device.g_max_std:
        parts.append(f"ends of the window +-{device.g_min_std:g} and +-{device.g_max_std:g} uS by device")
    if device.ages or device.iv.kind != "linear":
        blocks = {name: getattr(device, name).kind for name in ("drift", "relaxation", "thermal", "iv")}
        off = ("none", "linear")
        parts += [f"{name} {kind.replace('_', ' ')}" for name, kind in blocks.items() if kind not in off]
    if device.stuck_off_rate or device.stuck_on_rate:
        parts.append(f"stuck off {100 * device.stuck_off_rate:g} %, on {100 * device.stuck_on_rate:g} %")
    return (f"{preset}, " if preset else "") + ", ".join(parts)


def noise_text(block: dict[str, Any]) -> str:
    """Return a noise block in a phrase."""
    match block["kind"]:
        case "constant":
            return f"{block['sigma']:g} uS"
        case "proportional":
            return f"{100 * block['fraction']:g} %"
        case "uniform":
            return f"within {block['half_width']:g} uS"
        case "write_verify":
            return f"of a write-verify loop, +-{block['tolerance']:g} uS in at most {block['max_tries']} tries"
    return str(_NOISE_KINDS.get(block["kind"], block["kind"].replace("_", " ")))


def joined_in_digital(part: PreparedPoint) -> bool:
    """Return whether sums of any gates are joined in digital, so that their ramps are not used."""
    config = part.hardware.crossbar
    shapes = (matrix.shape for _, matrix in network_arrays(part.checkpoint, part.hardware))
    return any(tiling_of((rows, cols), config).join == "digital" for rows, cols in shapes)


def _converter(part: PreparedPoint) -> str:
    hardware, config = part.hardware, part.hardware.activation
    if joined_in_digital(part):
        return f"uniform ADC of {hardware.crossbar.tile.adc.bits} bit a tile, sums and functions in digital"
    if config.kind == "uniform_adc":
        return f"uniform ADC, {config.bits} bit, digital activation"
    measured = hardware.measured is not None and hardware.measured.ramps is not None
    calibration = "measured ramps" if measured else calibration_label(config.calibration)
    return f"nonlinear ramp ADC, {config.bits} bit, {config.levels} levels, {calibration}"
