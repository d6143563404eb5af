"""Which activation function a configuration or a command line asks for: of the library, an expression, or a table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from memramp.config import StrictModel, validate
from memramp.peripherals.expression import function_from_expression
from memramp.peripherals.function import Function, Span
from memramp.peripherals.functions import get_function
from memramp.peripherals.tabulated import function_from_table
from memramp.peripherals.turning import MAX_FOLDS


class FunctionConfig(StrictModel):
    """An activation function: exactly one of `name`, `expression` and `table`; plain text is a name."""

    name: str | None = None
    """Function of the library."""

    expression: str | None = None
    """Expression of x; needs a span."""

    table: Path | None = None
    """CSV file of x,y; relative to the configuration's folder."""

    span: Span | None = None
    """Inputs that the converter resolves; None: the function's own [pre-activation]."""

    folds: tuple[float, ...] = Field(default=(), max_length=MAX_FOLDS)
    """Inputs at which an expression or a table turns [pre-activation]."""

    @model_validator(mode="before")
    @classmethod
    def _read_shorthand(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str | None) -> str | None:
        if name is not None:
            get_function(name)
        return name

    @model_validator(mode="after")
    def _check_choice(self) -> "FunctionConfig":
        given = [key for key in ("name", "expression", "table") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of name, expression, table, found {' and '.join(given) or 'none'}")
        if self.name is not None and self.folds:
            raise ValueError(f"folds belong to an expression or a table, found folds of {self.name}")
        if self.expression is not None and self.span is None:
            raise ValueError("an expression needs a span, the range of inputs that the converter resolves, found none")
        return self

    def resolve(self, base_folder: Path | None = None) -> Function:
        """Return the function, with the span that was asked for.

        Parameters
        ----------
        base_folder : Path, optional
            Folder that a table's path is relative to; the current one unless given.

        Raises
        ------
        InputError
            The function, its span or its folds cannot be realised.
        """
        if self.expression is not None and self.span is not None:
            return function_from_expression(self.expression, self.span, self.folds)
        if self.table is not None:
            function = function_from_table((base_folder or Path()) / self.table, self.folds)
        else:
            function = get_function(str(self.name))
        return function if self.span is None else replace(function, span=_usable(function, self.span))


FunctionLike = str | Mapping[str, Any] | FunctionConfig | Function


def resolve_function(
    wanted: FunctionLike,
    span: Span | None = None,
    folds: Sequence[float] = (),
    base_folder: Path | None = None,
) -> Function:
    """Return the function that a command line or a configuration asks for.

    Parameters
    ----------
    wanted : str, mapping, FunctionConfig or Function
        Text is a name of the library if it is a single word, a table if it ends in ``.csv``, and an expression
        otherwise; a mapping has the keys of `FunctionConfig`.
    span : tuple of float, optional
        Inputs that the converter resolves, in place of the function's own [pre-activation].
    folds : sequence of float
        Inputs at which an expression or a table turns [pre-activation].
    base_folder : Path, optional
        Folder that a table's path is relative to.

    Raises
    ------
    InputError
        No such function, or one that a ramp cannot realise.
    """
    if isinstance(wanted, Function):
        return wanted if span is None else replace(wanted, span=_usable(wanted, span))
    if isinstance(wanted, FunctionConfig):
        wanted = wanted.model_dump(exclude_defaults=True)
    data = {_kind(wanted): wanted} if isinstance(wanted, str) else dict(wanted)
    data |= ({} if span is None else {"span": span}) | ({"folds": tuple(folds)} if folds else {})
    return validate(FunctionConfig, data, "function").resolve(base_folder)


def _kind(text: str) -> str:
    if text.lower().endswith(".csv"):
        return "table"
    return "name" if text.strip().isidentifier() and text.strip() != "x" else "expression"


def _usable(function: Function, span: Span) -> Span:
    function.output_range(span)  # refuses spans that are empty, outside the domain, or where nothing changes
    return function.resolved_span(span)
