"""The numba decorators of every kernel, with a compilation cache that cannot go stale or lack a place.

Numba's own ``cache=True`` checks only the file in which a kernel stands: a change in a function it calls, in another
file, goes unnoticed. Here the stamp of a cached kernel is a hash of *all* kernel sources and of its own file. The cache
lies in the user's cache folder (``NUMBA_CACHE_DIR``, if set, wins), or, where that is not writable, in a temporary
folder. Caches of other sources that nobody has used for a month are removed.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import numba
from llvmlite import binding
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from platformdirs import user_cache_path

Function = TypeVar("Function", bound=Callable[..., Any])

_ROOT = Path(__file__).resolve().parent
_FORGOTTEN = 30 * 86_400.0  # s
_FOUNDATION = ("elementary.py", "inlining.py", "jit.py", "normals.py", "simd.py")


@cache
def kernel_hash() -> str:
    """Return a hash of every source file that kernels stand in, of numba's and of memramp's decorators."""
    digest = blake2b(numba.__version__.encode(), digest_size=8)
    for path in sorted([*(_ROOT / name for name in _FOUNDATION), *_ROOT.glob("*/*kernels.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def cache_folder() -> Path:
    """Return a writable folder for compiled kernels."""
    asked = os.environ.get("NUMBA_CACHE_DIR")
    folder = (Path(asked) / "memramp" if asked else user_cache_path("memramp") / "numba") / kernel_hash()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            _remove_old(folder)
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="memramp-numba-"))


def _remove_old(folder: Path) -> None:
    """Remove the caches beside this one that are as good as forgotten; whatever cannot be removed stays."""
    os.utime(folder)  # used today
    for other in folder.parent.iterdir():
        with suppress(OSError):  # another process may be removing it as well
            forgotten = time.time() - other.stat().st_mtime > _FORGOTTEN
            if forgotten and re.fullmatch(r"[0-9a-f]{16}", other.name) and not other.is_symlink():
                shutil.rmtree(other, ignore_errors=True)


def compiles_for(feature: str) -> bool:
    """Return whether kernels are compiled for processors with a feature, such as ``avx512f``.

    ``NUMBA_CPU_FEATURES`` and ``NUMBA_CPU_NAME=generic`` decide, if set, and else this machine's processor.
    """
    asked = numba.config.CPU_FEATURES  # type: ignore[attr-defined]  # from the environment
    if asked is not None:
        return f"+{feature}" in str(asked).split(",")
    return bool(binding.get_host_cpu_features().get(feature))


@cache
def _file_hash(path: Path) -> str:
    return blake2b(path.read_bytes(), digest_size=8).hexdigest() if path.is_file() else ""


class _Locator(_CacheLocator):
    def __init__(self, py_func: Any) -> None:
        # Layer and module keep functions of one name on lines of one number apart.
        path = Path(py_func.__code__.co_filename)
        self._place = f"{path.parent.name}-{path.stem}{py_func.__code__.co_firstlineno}"
        self._stamp = kernel_hash() + _file_hash(path)

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return self._place

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "_Locator":  # noqa: ARG003  (numba's signature)
        return cls(py_func)


class _CacheImpl(CompileResultCacheImpl):
    _locator_classes = [_Locator]  # type: ignore[list-item]  # noqa: RUF012  (numba's own attribute)


class _Cache(FunctionCache):
    _impl_class = _CacheImpl


_TESTED = ((0, 68),)
"""Versions of numba with which `memramp.inlining`, which reaches into its internals, was tried. Others compile inlined
functions as numba itself does: the same bits, two to three times the time of compilation."""


def _decorate(function: Function, **options: Any) -> Any:
    return numba.njit(nogil=True, error_model="numpy", fastmath={"contract"}, **options)(function)


def _cached(dispatcher: Any) -> Any:
    dispatcher._cache = _Cache(dispatcher.py_func)
    return dispatcher


def kernel(function: Function) -> Function:
    """Compile a serial kernel. Sums keep their order: the same bits on every call.

    a*b+c may become one rounding where the processor has that (x86 since 2013, ARM): all of those give the same bits,
    older ones others in the last place, but for what is computed with `memramp.simd`.
    """
    return _cached(_decorate(function, no_cfunc_wrapper=True))  # type: ignore[no-any-return]


def inline_kernel(function: Function) -> Function:
    """Compile a function that kernels inline; Python cannot call it."""
    if tuple(numba.version_info.short) not in _TESTED:
        return _decorate(function, forceinline=True)  # type: ignore[no-any-return]
    from memramp.inlining import InlineCompiler, without_literals  # other versions may lack what it imports

    inlined = _decorate(function, forceinline=True, pipeline_class=InlineCompiler)
    return without_literals(inlined)  # type: ignore[no-any-return]
