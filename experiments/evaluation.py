"""Evaluating a network on the data of a task."""

from collections.abc import Callable

from memramp.experiments.scores import Foretold, Recognition, Score
from memramp.models.analog_network import ProgrammedNetwork, confusion
from memramp.models.checkpoint import Checkpoint
from memramp.models.keyword_set import KeywordSet
from memramp.models.language_model import LanguageModel, score_text
from memramp.models.text_part import TextPart

Data = KeywordSet | TextPart
Note = Callable[[str], None]


def kind_of(data: Data) -> type[Score]:
    """Return what an evaluation on the data gives."""
    return Foretold if isinstance(data, TextPart) else Recognition


def in_floating_point(checkpoint: Checkpoint, data: Data, note: Note) -> Score:
    """Return the score of a network in floating point."""
    if isinstance(data, TextPart):
        return _foretold(LanguageModel.floating(checkpoint), data, "float", note)
    return Recognition(confusion(checkpoint.float_logits(data.features), data.labels))


def on_chip(network: ProgrammedNetwork, data: Data, what: str, note: Note) -> Score:
    """Return the score of a network on one chip; `what` names it in notes."""
    if isinstance(data, TextPart):
        return _foretold(LanguageModel.on_chip(network), data, what, note)
    return Recognition(confusion(network.logits(data.features), data.labels))


def _foretold(model: LanguageModel, data: TextPart, what: str, note: Note) -> Foretold:
    def report(done: int, _bits: float) -> None:
        note(f"{what}: {100 * done // (len(data) - 1)} % read")

    scored = score_text(model, data.symbols, streams=data.streams, warm_up=data.warm_up, report=report)
    return Foretold(scored.bits, scored.symbols)
