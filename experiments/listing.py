"""``memramp show``: what comes with the package, each with its source."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from memramp.config import read_yaml
from memramp.devices import preset_description, preset_names, preset_sources
from memramp.errors import InputError
from memramp.experiments.device_output import value_text
from memramp.experiments.loading import shipped_experiments
from memramp.experiments.report import described_network
from memramp.models.accounting.components import load_library
from memramp.models.accounting.values import cost_text
from memramp.models.checkpoint import load_checkpoint, shipped_checkpoints
from memramp.models.metric import METRICS
from memramp.peripherals.density import load_recording, shipped_densities
from memramp.peripherals.functions import describe_functions


def show(what: str, console: Console) -> None:
    """List the devices, functions, densities, checkpoints, components or experiments that come with memramp.

    Raises
    ------
    InputError
        There is no such list.
    """
    lists = {
        "devices": _devices,
        "functions": _functions,
        "densities": _densities,
        "checkpoints": _checkpoints,
        "components": _components,
        "experiments": _experiments,
    }
    if what not in lists:
        raise InputError(f"nothing to show of '{what}', allowed: {', '.join(lists)}")
    lists[what](console)


def _devices(console: Console) -> None:
    for name in preset_names():
        table = _table(f"{name}: {' '.join(preset_description(name).split())}", "key", "value", "status", "source")
        for key, entry in preset_sources(name).items():
            table.add_row(key, value_text(entry), entry.status, Text(f"{entry.source}; {entry.condition}"))
        console.print(table)
        console.print()


def _functions(console: Console) -> None:
    table = _table("Functions (memramp ramp design NAME)", "name", "function of x, and its source", "inputs", "outputs")
    for info in describe_functions():
        also = f" (also {', '.join(info.aliases)})" if info.aliases else ""
        turns = f"; turns at {', '.join(f'{fold:.4g}' for fold in info.folds)}" if info.folds else ""
        source = "" if info.source == "standard" else f"; {info.source}"
        span = "all" if info.span is None else _range(info.span)
        table.add_row(info.name, Text(f"{info.formula}{also}{turns}{source}"), span, _range(info.output_range))
    console.print(table)


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.3g} to {ends[1]:.3g}"


def _densities(console: Console) -> None:
    table = _table("Recorded pre-activations (--density NAME)", "name", "of", "99.9 % lie in", "recorded on")
    for name in shipped_densities():
        recording = load_recording(name)
        spans = "\n".join(_range(found.density("").span()) for found in recording.functions.values())
        table.add_row(name, "\n".join(recording.functions), spans, Text(f"{recording.network}, {recording.data}"))
    console.print(table if table.row_count else "no recordings come with this installation")


def _components(console: Console) -> None:
    for name, component in load_library().items():
        about = component.reference
        parts = [f"{about.node:g} nm", about.voltage and f"{about.voltage:g} V",
                 about.clock and f"{about.clock / 1e9:g} GHz", about.bits and f"{about.bits} bit"]
        held = ", ".join(str(text) for text in parts if text)
        title = f"{name}: {' '.join(component.description.split())} ({held})"
        table = _table(title, "cost", "value", "between", "status", "source")
        for key, value in component.values().items():
            ends = " .. ".join(cost_text(end, value.unit) for end in (value.low, value.high))
            printed = f"; printed: {value.printed}" if value.printed else ""
            source = Text(f"{' '.join(value.source.split())}{printed}")
            table.add_row(key, cost_text(value.value, value.unit), ends, value.status, source)
        console.print(table)
        console.print()


def _checkpoints(console: Console) -> None:
    table = _table("Checkpoints", "name", "network", "best on selection data", "trained on")
    for name in shipped_checkpoints():
        checkpoint = load_checkpoint(name)
        found = [(metric, checkpoint.metrics.get(f"selection_{metric.name}")) for metric in METRICS.values()]
        best = next((metric.text(value) for metric, value in found if isinstance(value, float)), "")
        data = Text(str(checkpoint.metrics.get("training_data") or ""))
        table.add_row(name, described_network(checkpoint), best, data)
    console.print(table if table.row_count else "no checkpoints come with this installation")


def _experiments(console: Console) -> None:
    table = _table("Experiments (memramp run NAME)", "name", "what it shows")
    for name, path in shipped_experiments().items():
        table.add_row(name, Text(str(read_yaml(path).get("description", ""))))
    console.print(table)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=Text(title, style="bold"), title_justify="left", box=None, pad_edge=False)
    for heading in headings:
        # A name must stand on one line, so that it can be copied.
        table.add_column(heading, overflow="fold", no_wrap=heading == "name")
    return table
