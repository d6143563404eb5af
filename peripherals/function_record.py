"""An activation function as a programming table holds it: enough to have the same function again."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.errors import InputError
from memramp.peripherals.expression import function_from_expression
from memramp.peripherals.function import Function, Span
from memramp.peripherals.functions import FUNCTIONS
from memramp.peripherals.tabulated import MAX_ROWS, MIN_ROWS, function_from_points
from memramp.peripherals.turning import MAX_FOLDS

Numbers = Annotated[tuple[float, ...], Field(min_length=MIN_ROWS, max_length=MAX_ROWS)]


class FunctionRecord(StrictModel):
    """A function of the library, an expression, or the points of a table."""

    name: Annotated[str, Field(min_length=1, max_length=500)]
    """Name; with nothing else but a span, that of a function of the library."""

    expression: str | None = None
    """Expression of x; see `memramp.peripherals.expression`."""

    x: Numbers | None = None
    """Inputs of the points, ascending [pre-activation]."""

    y: Numbers | None = None
    """Outputs of the points."""

    domain: Span | None = None
    """Inputs for which an expression is examined [pre-activation]."""

    span: Span | None = None
    """Inputs that the converter resolves; None: the function's own [pre-activation]."""

    folds: tuple[float, ...] = Field(default=(), max_length=MAX_FOLDS)
    """Inputs at which an expression or a table turns [pre-activation]."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.expression is None) != (self.domain is None) or (self.expression is not None and self.x is not None):
            raise ValueError("an expression has a domain and no points; others have no domain")
        if (self.x is None) != (self.y is None) or (self.x and self.y and len(self.x) != len(self.y)):
            raise ValueError("points need as many x as y")
        if self.x is not None and not all(a < b for a, b in zip(self.x, self.x[1:], strict=False)):
            raise ValueError("the x of points ascend")
        if self.expression is None and self.x is None and self.name not in FUNCTIONS:
            raise ValueError(f"no function of the library is named so, found {self.name!r}")
        return self

    @classmethod
    def of(cls, function: Function) -> "FunctionRecord":
        """Return the record of a function.

        Raises
        ------
        InputError
            It is neither of the library nor an expression nor a table.
        """
        known = FUNCTIONS.get(function.name)
        if known is not None and known.value is function.value:
            return cls(name=function.name, span=None if function.span == known.span else function.span)
        span = None if function.span == function.domain else function.span
        if function.points is not None:
            x, y = (tuple(map(float, part)) for part in function.points)
            return cls(name=function.name, x=x, y=y, span=span, folds=function.folds)
        if function.source != "expression":
            raise InputError(f"the function {function.name} is none that a table can hold: library, expression, points")
        text, domain = function.formula, function.domain
        return cls(name=function.name, expression=text, domain=domain, span=span, folds=function.folds)

    def function(self, where: str) -> Function:
        """Return the function; `where` names the file in messages.

        Raises
        ------
        InputError
            The function, its span or its folds cannot be realised.
        """
        function = self._without_span(where)
        if self.span is None:
            return function
        function.output_range(self.span)  # refuses spans that are empty or outside the domain
        return replace(function, span=self.span)

    def _without_span(self, where: str) -> Function:
        if self.expression is not None and self.domain is not None:
            return function_from_expression(self.expression, self.domain, self.folds, self.name)
        if self.x is not None and self.y is not None:
            return function_from_points(self.name, np.array(self.x), np.array(self.y), self.folds, Path(where))
        return FUNCTIONS[self.name]
