"""The numba decorators of every kernel, with a compilation cache that cannot go stale or lack a place.

Numba's own ``cache=True`` checks only the file in which a kernel stands: a change in a function it calls, in another
file, goes unnoticed. Here the stamp of a cached kernel is a hash of *all* kernel sources. The cache lies in the
user's cache folder (``NUMBA_CACHE_DIR``, if set, wins), or, where that is not writable, in a temporary folder.
"""

import os
import tempfile
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from platformdirs import user_cache_path

Function = TypeVar("Function", bound=Callable[..., Any])

_ROOT = Path(__file__).resolve().parent
_FOUNDATION = ("elementary.py", "jit.py", "normals.py", "simd.py")


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
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="memramp-numba-"))


class _Locator(_CacheLocator):
    def __init__(self, py_func: Any) -> None:
        # Layer and module keep functions of one name on lines of one number apart.
        path = Path(py_func.__code__.co_filename)
        self._place = f"{path.parent.name}-{path.stem}{py_func.__code__.co_firstlineno}"

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        return kernel_hash()

    def get_disambiguator(self) -> str:
        return self._place

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "_Locator":  # noqa: ARG003  (numba's signature)
        return cls(py_func)


class _CacheImpl(CompileResultCacheImpl):
    _locator_classes = [_Locator]  # type: ignore[list-item]  # noqa: RUF012  (numba's own attribute)


class _Cache(FunctionCache):
    _impl_class = _CacheImpl


def _decorate(function: Function, **options: Any) -> Function:
    dispatcher = numba.njit(nogil=True, error_model="numpy", **options)(function)
    dispatcher._cache = _Cache(dispatcher.py_func)  # type: ignore[no-untyped-call]  # as enable_caching does
    return dispatcher  # type: ignore[no-any-return]


def kernel(function: Function) -> Function:
    """Compile a serial kernel. Sums keep their order: the same bits on every call; a*b+c may become one rounding."""
    return _decorate(function, fastmath={"contract"})


def parallel_kernel(function: Function) -> Function:
    """Compile a kernel whose ``prange`` loops use all cores; iterations must not share a sum."""
    return _decorate(function, fastmath={"contract"}, parallel=True)


def inline_kernel(function: Function) -> Function:
    """Compile a small function that its callers inline."""
    return _decorate(function, fastmath={"contract"}, forceinline=True)
