"""How much memory there is, so that what does not fit is refused before it is tried."""

import os
from pathlib import Path

from memramp.errors import InputError


def available_bytes() -> int | None:
    """Return how much memory can still be had, None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def refuse_more_than_memory(needed: int, what: str) -> None:
    """Refuse what needs more memory than there is.

    Parameters
    ----------
    needed : int
        Bytes.
    what : str
        Subject of the sentence.

    Raises
    ------
    InputError
        Says how much is needed and how much there is.
    """
    available = available_bytes()
    if available is not None and needed > available:
        raise InputError(f"{what} needs {needed / 1e9:.3g} GB of memory, available: {available / 1e9:.3g} GB")
