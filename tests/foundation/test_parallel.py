"""Threads over parts of a batch."""

import os
import threading

import numba
import numpy as np
import pytest

from memramp.parallel import over_parts

THREADS = min(2, numba.config.NUMBA_NUM_THREADS)


@pytest.fixture(params=sorted({1, THREADS}))
def threads(request):
    before = numba.get_num_threads()
    numba.set_num_threads(request.param)
    yield request.param
    numba.set_num_threads(before)


SPLITS = [(0, 4, None), (1, 4, None), (8, 4, None), (103, 4, 16), (50, 7, 3)]


@pytest.mark.parametrize(("n", "multiple", "most"), SPLITS)
def test_parts_cover_the_batch_once(threads, n, multiple, most):
    seen, sizes = np.zeros(n, int), []

    def part(where):
        seen[where] += 1
        sizes.append((where.start, where.stop))

    over_parts(part, n, multiple, most)
    assert (seen == 1).all()
    assert all(start % multiple == 0 and (stop % multiple == 0 or stop == n) for start, stop in sizes)
    assert all(stop - start <= max(most or n, multiple) for start, stop in sizes)
    assert len(sizes) >= min(threads, -(-n // multiple))


@pytest.mark.usefixtures("threads")
def test_an_error_of_any_part_reaches_the_caller_and_the_threads_go_on():
    def fail(where):
        if where.start >= 8:
            raise KeyError(where.start)

    for _ in range(5):
        with pytest.raises(KeyError):
            over_parts(fail, 100, 4)
        over_parts(lambda _: None, 100, 4)


@pytest.mark.usefixtures("threads")
def test_an_index_error_of_a_part_is_an_error():
    def fail(where):
        [][where.start]

    with pytest.raises(IndexError):
        over_parts(fail, 10, 1)


@pytest.mark.skipif(THREADS < 2, reason="needs two threads")
def test_parts_run_at_the_same_time_on_as_many_threads_as_numba_is_set_to():
    meeting, names = threading.Barrier(2, timeout=20.0), set()

    def part(_):
        names.add(threading.get_ident())
        meeting.wait()

    before = numba.get_num_threads()
    numba.set_num_threads(2)
    try:
        over_parts(part, 2, 1)  # each part waits for the other: one thread alone would never end
    finally:
        numba.set_num_threads(before)
    assert len(names) == 2


@pytest.mark.usefixtures("threads")
def test_work_within_work_and_from_many_threads_ends():
    done = []

    def outer(_):
        over_parts(lambda where: done.append(where.stop - where.start), 6, 1)

    callers = [threading.Thread(target=over_parts, args=(outer, 8, 1)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60.0)
    assert not any(caller.is_alive() for caller in callers)
    assert sum(done) == 4 * 8 * 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    over_parts(lambda _: None, 64, 1)  # the threads are there now, in this process
    child = os.fork()
    if child == 0:
        total = []
        over_parts(lambda where: total.append(where.stop - where.start), 64, 1)
        os._exit(0 if sum(total) == 64 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
