"""Where a run is written: never into a folder that holds something."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from memramp.errors import InputError

RUNS = Path("runs")
"""Folder of all runs without an ``--out``, below the current one."""


def check_vacant(out: Path) -> None:
    """Check that a folder is missing or empty.

    Raises
    ------
    InputError
        It is a file, it cannot be read, or it holds something; hidden files do not count.
    """
    with telling_os_errors(out):
        if not out.is_symlink() and not out.exists():
            return
        if not out.is_dir():
            raise InputError(f"{out}: is a file; a folder is needed (--out)")
        if held := sorted(path.name for path in out.iterdir() if not path.name.startswith(".")):
            raise InputError(f"{out}: the folder is not empty (it holds '{held[0]}'); choose another one (--out)")


def vacant(out: Path | str | None) -> Path | None:
    """Return the folder that a run was given, if any; see `check_vacant`."""
    if out is None:
        return None
    check_vacant(Path(out))
    return Path(out)


def make_folder(out: Path | None, name: str) -> Path:
    """Make the folder of a run: `out`, or runs/NAME-001 with the next number that is free.

    Raises
    ------
    InputError
        `out` is not vacant, or a folder cannot be made there.
    """
    if out is None:
        with telling_os_errors(RUNS):
            return _numbered(name)
    check_vacant(out)
    with telling_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    return out


def _numbered(name: str) -> Path:
    RUNS.mkdir(exist_ok=True)
    for number in count(1):
        folder = RUNS / f"{name}-{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:  # also when another run takes the number at this moment
            continue
        return folder
    raise AssertionError("unreachable")


@contextmanager
def telling_os_errors(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into an `InputError` that names the path."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename or path}: {(error.strerror or str(error)).lower()}") from None
