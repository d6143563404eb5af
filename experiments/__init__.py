"""Experiments: YAML files, sweeps, runs with their results and figures, and the command line.

>>> from memramp.experiments import load_experiment
>>> experiment = load_experiment("kws", ["chips=3"])
>>> experiment.config.chips
3

``run_experiment(experiment, "some/folder")`` runs it as ``memramp run`` does and returns the summaries. Experiments
with ramp columns alone (``experiment: ramp``) have `load_ramp_experiment` and `run_ramp_experiment`. The names below
are imported when they are first used, so that the command line starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memramp.experiments.loading import Experiment, Point, load_experiment, shipped_experiments
    from memramp.experiments.manifest import RunInterruptedError
    from memramp.experiments.ramp_loading import RampExperiment, load_ramp_experiment
    from memramp.experiments.ramp_runner import RampReporter, RampResult, run_ramp_experiment
    from memramp.experiments.results import PointSummary, Row
    from memramp.experiments.runner import Reporter, RunResult, run_experiment
    from memramp.experiments.schema import ExperimentConfig

_PLACES = {
    "Experiment": "loading",
    "ExperimentConfig": "schema",
    "Point": "loading",
    "PointSummary": "results",
    "RampExperiment": "ramp_loading",
    "RampReporter": "ramp_runner",
    "RampResult": "ramp_runner",
    "Reporter": "runner",
    "Row": "results",
    "RunInterruptedError": "manifest",
    "RunResult": "runner",
    "load_experiment": "loading",
    "load_ramp_experiment": "ramp_loading",
    "run_experiment": "runner",
    "run_ramp_experiment": "ramp_runner",
    "shipped_experiments": "loading",
}

__all__ = [
    "Experiment",
    "ExperimentConfig",
    "Point",
    "PointSummary",
    "RampExperiment",
    "RampReporter",
    "RampResult",
    "Reporter",
    "Row",
    "RunInterruptedError",
    "RunResult",
    "load_experiment",
    "load_ramp_experiment",
    "run_experiment",
    "run_ramp_experiment",
    "shipped_experiments",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
