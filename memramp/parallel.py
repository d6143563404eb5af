"""Threads over parts of a batch, for compiled kernels that release the interpreter lock.

Numba's own parallel loops more than double the compilation time of a large kernel; plain threads over a serial one cost
a tenth of a millisecond a call, and nothing to compile.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba

_PARTS_PER_THREAD = 4  # so that a thread that is slowed down does not hold up the others


def over_parts(function: Callable[[slice], None], n: int, multiple: int) -> None:
    """Call a function for parts of a batch that cover it, on as many threads as numba is set to.

    Parameters
    ----------
    function : callable
        Takes the part as a slice; what it does must not depend on how the batch is split.
    n : int
        Size of the batch.
    multiple : int
        Parts are multiples of this size, but for the last.
    """
    threads = numba.get_num_threads()
    blocks = -(-n // multiple)
    size = multiple * max(1, -(-blocks // (threads * _PARTS_PER_THREAD)))
    parts = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    if threads == 1 or len(parts) <= 1:
        for part in parts:
            function(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(function, parts):
            pass
