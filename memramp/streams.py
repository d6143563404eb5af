"""Random streams derived by name from one recorded seed.

Adding an effect never shifts another effect's draws, since a stream depends on the seed and its own name alone:
not on how many other streams exist, nor on the order in which they are made.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

COUNTER_LIMIT = 2**32  # counters of the random numbers in kernels have 32 bits


@dataclass(frozen=True)
class Streams:
    """All random numbers of a run.

    Parameters
    ----------
    seed : int
        The run's seed, 0 to 2**63 - 1; it is recorded in the manifest.
    path : tuple of str
        Prefix of every name asked of this object; see `child`.
    """

    seed: int
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be in 0 .. 2**63 - 1, found {self.seed}")

    def child(self, *names: str | int) -> "Streams":
        """Return the streams below a name, e.g. ``streams.child("chip", 3)``."""
        return Streams(self.seed, (*self.path, *map(str, names)))

    def generator(self, *names: str | int) -> np.random.Generator:
        """Return a NumPy generator of its own for this name."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=self._words(names))))

    def key(self, *names: str | int) -> np.uint64:
        """Return a 64-bit key for the counter-based generator of `memramp.normals`."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=self._words(names))
        return np.uint64(sequence.generate_state(1, np.uint64)[0])

    def _words(self, names: tuple[str | int, ...]) -> tuple[int, ...]:
        # Each part is length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
        parts = [part.encode() for part in (*self.path, *map(str, names))]
        text = b"".join(len(part).to_bytes(4, "little") + part for part in parts)
        digest = blake2b(text, digest_size=16).digest()
        return tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))


def check_counters(first_sample: int, samples: int, *others: int) -> None:
    """Check that the counters of a kernel's draws fit into 32 bits: beyond them, draws would repeat in silence.

    Parameters
    ----------
    first_sample, samples : int
        The batch: numbers first_sample .. first_sample + samples - 1.
    others : int
        Step, purpose.

    Raises
    ------
    ValueError
        A counter is negative or too large.
    """
    last = first_sample + max(samples - 1, 0)
    if not (first_sample >= 0 and last < COUNTER_LIMIT and all(0 <= other < COUNTER_LIMIT for other in others)):
        found = f"samples {first_sample}..{last}, {', '.join(map(str, others))}"
        raise ValueError(f"sample numbers, steps and purposes lie in 0..2**32 - 1, found {found}")
