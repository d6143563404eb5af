"""The kinds of experiments, told apart by the key ``experiment`` of their files, and how each is loaded and run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memramp.config import describe
from memramp.errors import InputError
from memramp.experiments.loading import Experiment, network_experiment, read_experiment, with_overrides
from memramp.experiments.ramp_loading import RampExperiment, ramp_experiment

if TYPE_CHECKING:
    from rich.console import Console

KINDS = ("network", "ramp")
"""Values of the key ``experiment``; the first is that of files without it."""


def load_any(path: Path | str, overrides: Sequence[str] = ()) -> Experiment | RampExperiment:
    """Read an experiment file of any kind.

    Parameters
    ----------
    path : path
        The YAML file, or the name of a shipped one.
    overrides : sequence of str
        ``key.path=value`` texts, see `memramp.experiments.overrides.apply_overrides`.

    Raises
    ------
    InputError
        No such kind, or what `memramp.experiments.loading.load_experiment` and
        `memramp.experiments.ramp_loading.load_ramp_experiment` refuse.
    """
    found, data = read_experiment(path, overrides)
    kind = data.get("experiment", KINDS[0])
    if kind not in KINDS:
        where = with_overrides(found, overrides)
        raise InputError(f"{where}: 'experiment' is {describe(kind)}, allowed: {', '.join(KINDS)}")
    return (ramp_experiment if kind == "ramp" else network_experiment)(found, overrides, data)


def run_any(path: Path | str, overrides: Sequence[str], out: Path | None, console: "Console") -> None:
    """Load an experiment of any kind, run it and show it; see `run_experiment` and `run_ramp_experiment`."""
    experiment = load_any(path, overrides)
    if isinstance(experiment, RampExperiment):
        from memramp.experiments.ramp_report import TerminalRampReporter
        from memramp.experiments.ramp_runner import run_ramp_experiment

        run_ramp_experiment(experiment, out, TerminalRampReporter(console))
    else:
        from memramp.experiments.report import TerminalReporter
        from memramp.experiments.runner import run_experiment

        run_experiment(experiment, out, TerminalReporter(console))
