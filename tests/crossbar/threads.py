"""Setting the number of threads for a while."""

import numba


def with_threads(threads, work):
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(threads)
        return work()
    finally:
        numba.set_num_threads(before)
