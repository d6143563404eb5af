"""What commands have in common: Ctrl-C, files to be written, the console, a seed."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memramp.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of the random numbers.")]


class InterruptedByUserError(Exception):
    """Ctrl-C on its way through Typer, which would keep the message of a KeyboardInterrupt to itself."""


def interruptible(command: Callable[..., None]) -> Callable[..., None]:
    """Let Ctrl-C leave a command as `InterruptedByUserError`, with a line that says what is kept."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt as error:
            raise InterruptedByUserError(str(error) or "interrupted: nothing was written") from None

    return run


def check_new_file(path: Path, suffixes: tuple[str, ...], *, force: bool = False) -> None:
    """Check that a file may be written, before the work that leads to it; see `memramp.tablefile.write_new_file`.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.
    suffixes : tuple of str
        Endings of its name that are allowed, such as ``.csv``.
    force : bool
        Whether it may replace one that is there.

    Raises
    ------
    InputError
        Another ending, no such folder, a folder of this name, or a file that is there without `force`.
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path}: the name must end in {' or '.join(suffixes)}")
    from memramp.tablefile import check_place  # not above: it imports much

    check_place(path, force=force)


def check_not_read(out: Path | None, *read: Path | None) -> None:
    """Check that a file to be written is none of those that the command reads, whatever may be replaced.

    Raises
    ------
    InputError
        It is one of them.
    """
    for path in read:
        if out is not None and path is not None and out.resolve() == path.resolve():
            raise InputError(f"{out}: is read by this command and cannot be its output; choose another name")


def checked_seed(seed: int) -> int:
    """Return the seed if random streams can be made of it."""
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed: expected 0 to 2**63 - 1, found {seed}")
    return seed


def make_console() -> "Console":
    """Return the console that results are printed on."""
    from memramp.experiments.console import results_console  # not above: Rich takes a while to import

    return results_console()
