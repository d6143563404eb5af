"""Loading and checking all that a run needs, before anything is run or written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from memramp.errors import InputError
from memramp.experiments.evaluation import Data
from memramp.experiments.loading import Experiment, Point
from memramp.models.analog_network import program_network
from memramp.models.checkpoint import Checkpoint, load_checkpoint
from memramp.models.digital_twin import check_faults, check_measured
from memramp.models.feature_file import FeatureTask, load_features
from memramp.models.hardware import HardwareConfig
from memramp.models.keyword_data import TaskConfig, load_keyword_set
from memramp.models.language_model import LanguageModel
from memramp.models.text_part import TextPart, TextPartTask, load_text_part
from memramp.streams import Streams

Note = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class PreparedPoint:
    """A point with everything loaded that it needs."""

    point: Point
    hardware: HardwareConfig
    checkpoint: Checkpoint
    """Network of the chips."""

    reference: Checkpoint
    """Network of the row ``float``."""

    data: Data


def prepare(experiment: Experiment, note: Note = lambda _: None) -> list[PreparedPoint]:
    """Load checkpoints and data, each once, and check that they and the hardware fit each other at every point.

    Parameters
    ----------
    experiment : Experiment
        As loaded by `load_experiment`.
    note : callable
        Is told what takes time.

    Raises
    ------
    InputError
        The sentence names the file and, in a sweep, the point.
    """
    loaded: dict[str, Checkpoint] = {}
    hardware = [_checked_hardware(point, loaded) for point in experiment.points]  # first: reading data takes longest
    sets: dict[str, Data] = {}
    prepared = []
    for point, described in zip(experiment.points, hardware, strict=True):
        task, checkpoint = point.config.task, loaded[point.config.model.checkpoint]
        reference = loaded[_float_name(point)]
        with _naming(point):
            key = f"{task.model_dump_json()} {'' if isinstance(task, TaskConfig) else checkpoint.classes}"
            if key not in sets:
                note("reading the data")
                sets[key] = _load(task, checkpoint)
            data = sets[key]
            for network in (checkpoint, reference):
                _check_data(network, data)
        prepared.append(PreparedPoint(point, described, checkpoint, reference, data))
    return prepared


def _load(task: TaskConfig | TextPartTask | FeatureTask, checkpoint: Checkpoint) -> Data:
    if isinstance(task, FeatureTask):
        return load_features(task, checkpoint.classes)
    if isinstance(task, TextPartTask):
        return load_text_part(task, checkpoint.classes, checkpoint.name)
    return load_keyword_set(task)


def _check_data(network: Checkpoint, data: Data) -> None:
    network.expecting(None, data.classes)
    if isinstance(data, TextPart):
        LanguageModel.floating(network)
    elif network.network.read == "all" or network.network.embedding is not None:
        raise InputError(f"{network.name}: is a language model, the task has clips")
    else:
        network.normalise(data.features[:1])


def _checked_hardware(point: Point, loaded: dict[str, Checkpoint]) -> HardwareConfig:
    name, hardware = point.config.model.checkpoint, point.hardware
    with _naming(point):
        for each in {name, _float_name(point)} - loaded.keys():
            loaded[each] = load_checkpoint(each)
        # A chip without noise takes a moment and meets every limit of the window: weights, ramps, read-out.
        program_network(loaded[name], hardware.ideal(), Streams(0))
        check_faults(loaded[name], hardware)
        check_measured(loaded[name], hardware, point.config.chips)
    return hardware


def _float_name(point: Point) -> str:
    return point.config.model.float_checkpoint or point.config.model.checkpoint


@contextmanager
def _naming(point: Point) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"{point.where}: {error}") from None
