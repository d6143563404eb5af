"""What ``memramp device`` prints, and device files as it writes them."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from memramp.devices import Device, PresetValue, device_sources, load_preset, preset_description, preset_names
from memramp.devices.fit import REJECTED, DeviceFit
from memramp.devices.fit_kinds import Candidate, candidate_lines
from memramp.devices.presets import preset_block, resolve_device
from memramp.experiments.report import described, labelled
from memramp.tablefile import write_new_file

_SHOWN = 8  # numbers of a list


class _Dumper(yaml.SafeDumper):
    """Lists on one line, and no aliases, which this program does not read."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


_Dumper.add_representer(
    list, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
)


def show_presets(console: Console) -> None:
    """Print the names of the presets and what they stand for."""
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("window\nuS", justify="right", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for name in preset_names():
        device = load_preset(name)
        text = " ".join(preset_description(name).split())
        table.add_row(name, f"{device.g_min:g} to {device.g_max:g}", Text(text))
    console.print(table)


def show_device(console: Console, name: str) -> None:
    """Print a device in a phrase, and its numbers with unit, status, source and condition."""
    block = preset_block(name)
    device = resolve_device(block, name)
    console.print(labelled([(name, str(block.get("description", ""))), ("device", described(device, None))]))
    for key, entry in device_sources(block).items():
        console.print()
        console.print(Text(f"{key} = {value_text(entry)}  ({entry.status})", style="bold"), soft_wrap=False)
        console.print(Text(f"{' '.join(entry.condition.split())}. Source: {' '.join(entry.source.split())}"))


def value_text(entry: PresetValue) -> str:
    """Return a value of a preset with its unit; of long lists, the beginning."""
    unit = "" if entry.unit == "1" else f" {entry.unit}"
    return f"{_numbers(entry.value)}{unit}"


def _numbers(value: Any) -> str:
    if not isinstance(value, list):
        return f"{value:g}"
    if value and isinstance(value[0], list):
        return f"{len(value)} lists of {len(value[0])}"
    shown = ", ".join(f"{part:g}" for part in value[:_SHOWN])
    return shown if len(value) <= _SHOWN else f"{shown}, .. ({len(value)} numbers)"


def show_fit(console: Console, fit: DeviceFit) -> None:
    """Print what was fitted and by what it was chosen."""
    found = [
        ("measured", f"{fit.measurements.devices} devices, {fit.measurements.target.size} reads"),
        ("window", f"{fit.window[0]:g} to {fit.window[1]:g} uS"),
        ("mean error", f"{fit.error.mean():.3g} uS, standard deviation {fit.error.std():.3g} uS"),
    ]
    if fit.drift is not None:
        drift = fit.drift
        found.append(("drift", f"nu {drift.nu:.4g} ± {drift.nu_std:.2g}, {drift.t_0:g} to {drift.last:g} s"))
    console.print(labelled(found))
    console.print()
    console.print(_candidates("Programming noise", fit.programming))
    for line in _notes(fit):
        console.print(Text(line))
    console.print()
    if fit.reading:
        console.print(_candidates("Read noise", fit.reading))
    else:
        console.print("no device was read twice at one time: the read noise is not known and stays none")
    for warning in fit.warnings:
        console.print()
        console.print(Text(f"warning: {warning}"))


def _notes(fit: DeviceFit) -> Iterator[str]:
    if fit.left_out:
        yield "not tried: " + "; ".join(f"{kind} {reason}" for kind, reason in fit.left_out.items())
    if fit.rejected:
        yield f"* chosen: the smallest AIC, although rejected (p below {REJECTED:g}); see the warning"
    else:
        yield f"* chosen: the smallest AIC or, where the p of that is below {REJECTED:g}, the table"


def _candidates(title: str, candidates: tuple[Candidate, ...]) -> Table:
    table = Table(title=Text(title, style="bold"), title_justify="left", box=None, pad_edge=False)
    for heading in ("", "kind", "numbers", "AIC", "KS p"):
        table.add_column(heading, justify="right" if heading in ("AIC", "KS p") else "left", overflow="fold")
    for i, cells in enumerate(candidate_lines(candidates)):
        table.add_row("*" if i == 0 else "", *(Text(cell) for cell in cells))
    return table


def save_device(path: Path, block: Mapping[str, Any], *, force: bool) -> None:
    """Write a device block as a YAML file.

    Raises
    ------
    InputError
        The block is no device, or the file cannot be written.
    """
    resolve_device(block, str(path))
    text = yaml.dump(dict(block), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    head = "# A device for --device and for the block 'device' of an experiment; see docs/devices.md.\n"
    write_new_file(path, (head + text).encode(), force=force)


def imported_block(device: Device, path: Path, unit: str) -> dict[str, Any]:
    """Return the block of a device imported from NeuroSim's states, with its sources."""
    digest = sha256(path.read_bytes()).hexdigest()

    def leaf(value: Any, condition: str) -> dict[str, Any]:
        source = f"{path.name}, sha256 {digest}"
        return {"value": value, "unit": "uS", "source": source, "condition": condition, "status": "measured"}

    noise = device.prog_noise.model_dump()
    states = list(noise["targets"])
    said = f"column mean, read in {unit}"
    return {
        "description": f"Imported from the states of a NeuroSim cell ({path.name}).",
        "g_min": leaf(device.g_min, f"least state; {said}"),
        "g_max": leaf(device.g_max, f"greatest state; {said}"),
        "levels": leaf(states, f"all states; {said}"),
        "prog_noise": {
            "kind": noise["kind"],
            "targets": leaf(states, said),
            "sigmas": leaf(list(noise["sigmas"]), f"column std, read in {unit}; drawn once at programming"),
        },
    }
