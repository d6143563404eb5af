"""Progress of long work on a console; without a terminal (a pipe, a file) nothing of it is shown."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class ConsoleProgress:
    """What takes time: a status line at first, then a bar."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._status = console.status("") if console.is_terminal else None

    def note(self, text: str) -> None:
        """Show what takes time."""
        if self._progress is not None:
            self._progress.update(self._task, description=text)
        elif self._status is not None:
            self._status.update(f"{text} ...")
            self._status.start()

    def start(self, text: str, total: int, left: str = "left") -> None:
        """Replace the status by a bar; `left` stands before the time that remains."""
        self._stop_status()
        if self._console.is_terminal:
            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn(left),
                TimeRemainingColumn(compact=True),
                console=self._console,
                transient=True,
            )
            self._task = self._progress.add_task(text, total=total)
            self._progress.start()

    def advance(self, text: str) -> None:
        """Move the bar."""
        if self._progress is not None:
            self._progress.update(self._task, advance=1, description=text)

    def close(self) -> None:
        """Remove bar and status."""
        self._stop_status()
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _stop_status(self) -> None:
        if self._status is not None:
            self._status.stop()
