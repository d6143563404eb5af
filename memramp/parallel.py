"""Threads over parts of a batch, for compiled kernels that release the interpreter lock.

Numba's own parallel loops more than double the compilation time of a kernel. Threads that wait for work, over a serial
kernel, cost some ten microseconds a call, and nothing to compile. They are started when first needed, and anew in a
process that was forked.
"""

import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

import numba

_PARTS_PER_THREAD = 4  # so that a thread that is slowed down does not hold up the others


class _Task:
    """Parts of a batch that several threads take, one after the other."""

    def __init__(self, function: Callable[[slice], None], parts: list[slice]) -> None:
        self._function, self._parts, self._lock = function, parts[::-1], Lock()
        self.error: BaseException | None = None

    def _next(self) -> slice | None:
        with self._lock:
            return self._parts.pop() if self._parts and self.error is None else None

    def work(self) -> None:
        """Take parts until none is left."""
        try:
            while (part := self._next()) is not None:
                self._function(part)
        except BaseException as error:
            self.error = error


class _Help:
    """One thread's help with a task: a helper begins it, or whoever asked for it calls it off."""

    def __init__(self, task: _Task) -> None:
        self._task: _Task | None = task
        self._claimed, self._done = Lock(), Lock()
        self._done.acquire()

    def give(self) -> None:
        """Help, unless it was called off."""
        if self._claimed.acquire(blocking=False):
            task = self._task
            if task is not None:
                task.work()
            self._done.release()

    def end(self) -> None:
        """Call it off, or wait for its end. Help that nobody began is not waited for, so tasks may lie within tasks."""
        if not self._claimed.acquire(blocking=False):
            self._done.acquire()
        self._task = None  # it may wait in the queue for long, the batch's arrays shall not


class _Pool:
    """Threads that wait for tasks; they end with the process."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Help] = SimpleQueue()
        self._threads: list[Thread] = []
        self._lock = Lock()

    def run(self, task: _Task, threads: int) -> None:
        """Let some threads, the caller's among them, work on a task."""
        with self._lock:
            while len(self._threads) < threads - 1 and self._start():
                pass
        helps = [_Help(task) for _ in range(threads - 1)]
        for help_ in helps:
            self._queue.put(help_)
        task.work()
        for help_ in helps:
            help_.end()
        if task.error is not None:
            raise task.error

    def _start(self) -> bool:
        """Start a thread; where the system grants no more, those that there are have to do."""
        thread = Thread(target=self._serve, name="memramp", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._threads.append(thread)
        return True

    def _serve(self) -> None:
        while True:
            self._queue.get().give()


_pool = _Pool()


def _start_anew() -> None:
    global _pool  # threads do not survive a fork
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def over_parts(function: Callable[[slice], None], n: int, multiple: int, most: int | None = None) -> None:
    """Call a function for parts of a batch that cover it, on as many threads as numba is set to.

    Parameters
    ----------
    function : callable
        Takes the part as a slice; what it does must not depend on how the batch is split.
    n : int
        Size of the batch.
    multiple : int
        Parts are multiples of this size, but for the last.
    most : int or None
        Parts are at most this large (but at least `multiple`), so that what a part needs stays small.
    """
    threads = numba.get_num_threads()
    blocks = -(-n // multiple)
    size = multiple * max(1, -(-blocks // (threads * _PARTS_PER_THREAD)))
    if most is not None:
        size = max(multiple, min(size, most - most % multiple))
    parts = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    if threads == 1 or len(parts) <= 1:
        for part in parts:
            function(part)
        return
    _pool.run(_Task(function, parts), min(threads, len(parts)))
