"""``memramp train``: a training in a folder, resumed if it was cut."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from memramp.errors import InputError
from memramp.experiments.folders import check_vacant, telling_os_errors
from memramp.experiments.loading import load_settings
from memramp.experiments.manifest import now, versions
from memramp.experiments.results import to_json
from memramp.files import write_atomically
from memramp.models.training_config import KeywordClips, TrainingConfig, same_training

if TYPE_CHECKING:
    from memramp.models.training import Progress as Progressed
    from memramp.models.training import Trainer
    from memramp.models.training_task import TrainingTask

TRAININGS = Path("trainings")
"""Folder of all trainings without an ``--out``, below the current one."""

_RECORD = "training.json"


def train(file: Path, overrides: Sequence[str], out: Path | None, console: Console) -> None:
    """Run or resume the training that a file describes.

    The folder receives ``state.safetensors``, ``history.csv`` and ``training.json`` after each epoch and
    ``checkpoint.safetensors`` at the end.

    Parameters
    ----------
    file : path
        A training file, see `memramp.models.training_config.TrainingConfig`.
    overrides : sequence of str
        ``key.path=value`` texts.
    out : path or None
        Folder of the training; None takes trainings/NAME.
    console : Console
        Where progress is shown.

    Raises
    ------
    InputError
        A fault in the file or the data, PyTorch is missing, or the folder holds something else.
    """
    config = load_settings(TrainingConfig, file, overrides, "a training", "memramp train")
    out = TRAININGS / config.name if out is None else out
    training = _training_module()
    if not (out / training.STATE_FILE).exists():
        check_vacant(out)
    earlier = _earlier_sittings(out / _RECORD, config)
    task = _load_task(config, lambda text: _say(console, f"{text} ..."))
    _Session(training.Trainer(config, task, out), earlier, console).run()


def _load_task(config: TrainingConfig, note: Callable[[str], None]) -> "TrainingTask":
    if isinstance(config.task, KeywordClips):
        from memramp.models.keyword_training import KeywordTraining
        from memramp.models.training_data import load_training_data

        return KeywordTraining(config, load_training_data(config, note))
    from memramp.models.character_training import CharacterTraining
    from memramp.models.text import load_characters

    note("reading the text")
    return CharacterTraining(config, load_characters(config.task))


def _training_module() -> Any:
    try:
        from memramp.models import training
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError("training needs PyTorch: pip install 'memramp[train]'") from None
    return training


def _earlier_sittings(record: Path, config: TrainingConfig) -> list[dict[str, Any]]:
    """Return the sittings so far; another training is refused here, before the data is read."""
    if not record.exists():
        return []
    try:
        about = json.loads(record.read_bytes())
        sittings, same = list(about["sittings"]), same_training(about["config"], config.model_dump(mode="json"))
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        raise InputError(f"{record}: damaged, or not the record of a training") from None
    if not same:
        raise InputError(f"{record.parent}: holds a training with another configuration; choose another folder (--out)")
    return sittings


class _Session:
    """One sitting of a training, which may take several."""

    def __init__(self, trainer: "Trainer", earlier: list[dict[str, Any]], console: Console) -> None:
        self._trainer, self._earlier, self._console = trainer, earlier, console
        self._first, self._started, self._start = trainer.state.round, now(), monotonic()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), console=console, transient=True,
            disable=not console.is_terminal,
        )

    def run(self) -> None:
        trainer, state = self._trainer, self._trainer.state
        self._introduce()
        self._task = self._bar.add_task(self._after(self._first), total=trainer.rounds, completed=self._first)
        try:
            with telling_os_errors(trainer.out), self._bar:
                trainer.run(self._report)
                self._record("complete")
        except KeyboardInterrupt:
            done = f"{self._epoch(state.round)} epochs are kept in {trainer.out}"
            raise KeyboardInterrupt(f"interrupted: {done}; the same command goes on from there") from None
        if state.best is not None:
            _say(self._console, f"{self._score(state.best)} after epoch {self._epoch(state.best_round)}")
        _say(self._console, f"written to {trainer.out}")

    def _epoch(self, rounds: int) -> str:
        """Return how far a training is, such as ``2.5/6`` epochs."""
        training = self._trainer.config.training
        return f"{rounds / training.rounds:g}/{training.epochs}"

    def _after(self, rounds: int) -> str:
        return f"after epoch {self._epoch(rounds)}"

    def _score(self, value: float) -> str:
        metric = self._trainer.task.metric
        return f"selection {metric.title} {metric.text(value)}"

    def _introduce(self) -> None:
        state, trainer = self._trainer.state, self._trainer
        epochs = trainer.config.training.epochs
        _say(self._console, f"{trainer.config.name}: {trainer.task.description}, {epochs} epochs")
        if state.round:
            what = "is complete" if state.round >= trainer.rounds else f"goes on {self._after(state.round)}"
            _say(self._console, f"the training in {self._trainer.out} {what}")

    def _report(self, progress: "Progressed") -> None:
        self._record("running")
        metric = self._trainer.task.metric
        best = "" if progress.best is None else f", best {metric.text(progress.best)}"
        left = timedelta(seconds=round(progress.seconds_left))
        at = f"epoch {self._epoch(progress.done)}, loss {progress.loss:.3f}"
        self._bar.update(self._task, completed=progress.done, description=f"{at}{best}, {left} left")
        if progress.score is not None:
            _say(self._console, f"{at}, {self._score(progress.score)}, {left} left")

    def _record(self, status: str) -> None:
        """Write what is known besides the weights; the state itself is on disk already."""
        trainer, history = self._trainer, io.StringIO()
        metric = trainer.task.metric.name
        writer = csv.DictWriter(history, ("epoch", "loss", metric), lineterminator="\n")
        writer.writeheader()
        for row in trainer.state.history:
            score = row["score"]
            found = "" if score is None else f"{score:.4f}"
            writer.writerow({"epoch": row["epoch"], "loss": row["loss"], metric: found})
        write_atomically(trainer.out / "history.csv", history.getvalue().encode())
        sitting = {
            "started": self._started,
            "seconds": round(monotonic() - self._start, 1),
            "rounds": trainer.state.round - self._first,
            "versions": {**versions(), "torch": version("torch")},
        }
        about = {
            "status": status,
            "config": trainer.config.model_dump(mode="json"),
            "data": trainer.task.description,
            "selection": {
                **trainer.task.selection,
                metric: None if trainer.state.best is None else round(trainer.state.best, 4),
                "epoch": trainer.state.best_round / trainer.config.training.rounds,
            },
            "sittings": [*self._earlier, *([sitting] if sitting["rounds"] else [])],
        }
        write_atomically(trainer.out / _RECORD, to_json(about))


def _say(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)
