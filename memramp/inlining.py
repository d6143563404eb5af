"""How functions that kernels only inline are compiled; reaches into numba's internals, see `memramp.jit`."""

from types import SimpleNamespace
from typing import Any

from numba.core import types
from numba.core.analysis import dead_branch_prune
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, SSACompliantMixin, register_pass
from numba.core.typed_passes import NativeLowering
from numba.core.untyped_passes import DeadBranchPrune


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


class InlineCompiler(CompilerBase):
    """Compiles functions that are only inlined, in half the time: their callers optimise all of it at once anyway."""

    def define_pipelines(self) -> list[Any]:
        """Return numba's own steps, without those that callers do."""
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        instead = {NativeLowering: _InlineLowering, DeadBranchPrune: _Prune}
        pipeline.passes = [(instead.get(step, step), text) for step, text in pipeline.passes]
        pipeline.finalize()
        return [pipeline]


def without_literals(dispatcher: Any) -> Any:
    """Return a compiled function that is not compiled once more for a literal argument, a type of its own for numba."""
    typed = dispatcher.get_call_template

    def get_call_template(args: Any, kws: Any) -> Any:
        return typed(tuple(map(types.unliteral, args)), {name: types.unliteral(kind) for name, kind in kws.items()})

    dispatcher.get_call_template = get_call_template
    return dispatcher
