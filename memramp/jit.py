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
from functools import cache
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numba
from llvmlite import binding
from numba.core import types
from numba.core.analysis import dead_branch_prune
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, SSACompliantMixin, register_pass
from numba.core.typed_passes import NativeLowering
from numba.core.untyped_passes import DeadBranchPrune
from platformdirs import user_cache_path

Function = TypeVar("Function", bound=Callable[..., Any])

_ROOT = Path(__file__).resolve().parent
_FORGOTTEN = 30 * 86_400.0  # s
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
            _remove_old(folder)
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="memramp-numba-"))


def _remove_old(folder: Path) -> None:
    """Remove the caches beside this one that are as good as forgotten; whatever cannot be removed stays."""
    os.utime(folder)  # used today
    for other in folder.parent.iterdir():
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


class _Locator(_CacheLocator):
    def __init__(self, py_func: Any) -> None:
        # Layer and module keep functions of one name on lines of one number apart.
        path = Path(py_func.__code__.co_filename)
        self._place = f"{path.parent.name}-{path.stem}{py_func.__code__.co_firstlineno}"
        self._stamp = kernel_hash() + (blake2b(path.read_bytes(), digest_size=8).hexdigest() if path.is_file() else "")

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
"""Versions of numba with which `_InlineCompiler`, which reaches into its internals, was tried. Others compile inlined
functions as numba itself does: the same bits, twice the time of compilation."""


class _InlineLibrary(JITCodeLibrary):
    """Code of a function that is only inlined: neither optimised nor made native for itself."""

    def finalize(self) -> None:
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True


def _no_entry() -> Any:
    """Return what stands for the native code that a function has not got; numba finds the function's definition by it.

    It must be a built-in method, and another one each time; this one raises a TypeError if it is called as numba calls
    native code, with a tuple.
    """
    return object().__format__


@register_pass(mutates_CFG=True, analysis_only=False)
class _InlineLowering(NativeLowering):
    _name = "inline_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _InlineLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = state.flags.no_cpython_wrapper = state.flags.no_cfunc_wrapper = True
        super().run_pass(state)
        entry = _no_entry()
        state.targetctx.insert_user_function(entry, state["cr"].fndesc, [state.library])
        state["cr"] = state["cr"]._replace(cfunc=entry)
        return True


def _told_from_none(kind: Any) -> Any:
    """Return an argument's type in the form in which numba takes note that it is not None."""
    perhaps_none = isinstance(kind, types.NoneType | types.Optional | types.Omitted | types.Literal)
    return kind if perhaps_none else SimpleNamespace(literal_type=kind)


@register_pass(mutates_CFG=True, analysis_only=False)
class _Prune(SSACompliantMixin, FunctionPass):
    """Drops branches for an argument that is None where it is not, as numba itself does where it is None."""

    _name = "prune_for_none"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        dead_branch_prune(state.func_ir, tuple(map(_told_from_none, state.args)))
        return True


class _InlineCompiler(CompilerBase):
    """Compiles functions that are only inlined, in half the time: their callers optimise all of it at once anyway."""

    def define_pipelines(self) -> list[Any]:
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        instead = {NativeLowering: _InlineLowering, DeadBranchPrune: _Prune}
        pipeline.passes = [(instead.get(step, step), text) for step, text in pipeline.passes]
        pipeline.finalize()
        return [pipeline]


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
    dispatcher = _decorate(function, forceinline=True, pipeline_class=_InlineCompiler)
    typed = dispatcher.get_call_template

    def get_call_template(args: Any, kws: Any) -> Any:
        # A literal argument, a type of its own for numba, shall not compile the function once more.
        return typed(tuple(map(types.unliteral, args)), {name: types.unliteral(kind) for name, kind in kws.items()})

    dispatcher.get_call_template = get_call_template
    return dispatcher  # type: ignore[no-any-return]
