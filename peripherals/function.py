"""What a nonlinear ramp needs to know of an activation function: value, slope, sections, inverse, saturation range.

A ramp rises; its comparators count. A function that falls somewhere is realised by a counter that counts down there:
the input range is folded at the function's extrema into sections, in each of which it rises or falls throughout
(`Function.sections`), and every input at which it passes an output level is a threshold (`Function.crossings`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.errors import InputError
from memramp.peripherals.bisection import first_true

FloatArray = NDArray[np.float64]
Span = tuple[float, float]
"""Range of inputs that a converter resolves; beyond it, it saturates [pre-activation]."""

Elementwise = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Section:
    """A range of inputs in which a function rises throughout, or falls throughout; flat pieces are allowed."""

    index: int
    """Which of the function's sections, from 0."""

    lo: float
    """Lower end, may be -inf [pre-activation]."""

    hi: float
    """Upper end, may be inf [pre-activation]."""

    at_lo: float
    """Output at the lower end."""

    at_hi: float
    """Output at the upper end."""

    @property
    def rising(self) -> bool:
        """Whether the counter counts up here."""
        return self.at_hi > self.at_lo


@dataclass(frozen=True, eq=False)
class Function:
    """An activation function that a ramp may put into its converter."""

    name: str
    """Name in configurations."""

    formula: str
    """The function as people write it, of x."""

    value: Elementwise = field(repr=False)
    """The function of float64 arrays, elementwise."""

    slope: Elementwise = field(repr=False)
    """Its derivative."""

    limits: tuple[float, float] | None = None
    """Lower and upper bound of the output where both exist; None: the output is bounded by the span alone."""

    domain: Span = (-math.inf, math.inf)
    """Inputs for which it is defined [pre-activation]."""

    span: Span | None = None
    """Inputs that a converter resolves unless told otherwise; None: all, which needs `limits` [pre-activation]."""

    folds: tuple[float, ...] = ()
    """Inputs of the extrema, ascending; the function is monotone between neighbours [pre-activation]."""

    inverses: tuple[Elementwise | None, ...] = field(default=(), repr=False)
    """Closed-form inverse of each section; where there is none, bisection takes its place."""

    source: str = "standard"
    """Publication with DOI, or ``standard``."""

    points: tuple[FloatArray, FloatArray] | None = field(default=None, repr=False)
    """Inputs and outputs that a tabulated function passes through; None for others."""

    def __call__(self, v: ArrayLike) -> FloatArray:
        """Return the function of a pre-activation, elementwise and in double precision."""
        return self.value(np.asarray(v, dtype=np.float64))

    def derivative(self, v: ArrayLike) -> FloatArray:
        """Return the slope at a pre-activation: output per unit of pre-activation."""
        return self.slope(np.asarray(v, dtype=np.float64))

    @property
    def monotone(self) -> bool:
        """Whether the function never turns."""
        return not self.folds

    def sections(self, span: Span | None = None) -> tuple[Section, ...]:
        """Return the sections of a span, in ascending order.

        Parameters
        ----------
        span : tuple of float or None
            Inputs that the converter resolves; None takes the function's own `span` [pre-activation].

        Raises
        ------
        InputError
            The span is empty, not finite, or outside the domain.
        """
        lo, hi = self.resolved_span(span)
        edges = [lo, *(fold for fold in self.folds if lo < fold < hi), hi]
        first = sum(fold <= lo for fold in self.folds)
        outputs = self._at_edges(edges)
        return tuple(
            Section(first + k, edges[k], edges[k + 1], outputs[k], outputs[k + 1]) for k in range(len(edges) - 1)
        )

    def resolved_span(self, span: Span | None = None) -> Span:
        """Return the inputs that a converter resolves; ends are infinite only for a bounded function without a span.

        Raises
        ------
        InputError
            The span is empty, not finite, or outside the domain.
        """
        if span is None:
            return self.domain if self.span is None else self.span
        lo, hi = check_span(span, self.name)
        if lo < self.domain[0] or hi > self.domain[1]:
            allowed = f"{self.domain[0]:g} to {self.domain[1]:g}"
            raise InputError(f"{self.name} is defined from {allowed}, found the span {lo:g} to {hi:g}")
        return lo, hi

    def output_range(self, span: Span | None = None) -> tuple[float, float]:
        """Return the lowest and the highest output of a span; the limits where neither it nor the function has one.

        Raises
        ------
        InputError
            The span is not valid, or the function does not change within it.
        """
        if span is None and self.span is None and self.limits is not None:
            return self.limits
        ends = [output for part in self.sections(span) for output in (part.at_lo, part.at_hi)]
        low, high = min(ends), max(ends)
        if not low < high:
            lo, hi = self.resolved_span(span)
            raise InputError(f"{self.name} is constant from {lo:g} to {hi:g}, so there is nothing to convert")
        return low, high

    def inverse(self, y: ArrayLike, section: int = 0, span: Span | None = None) -> FloatArray:
        """Return the pre-activations that give outputs, within one section.

        Parameters
        ----------
        y : array_like
            Outputs strictly between those at the ends of the section.
        section : int
            Which section of the function, from 0.
        span : tuple of float or None
            See `sections`.

        Raises
        ------
        ValueError
            An output that the section does not take, or no such section.
        """
        outputs = np.asarray(y, dtype=np.float64)
        found = [part for part in self.sections(span) if part.index == section]
        if not found:
            raise ValueError(f"{self.name} has no section {section} in this span")
        low, high = sorted((found[0].at_lo, found[0].at_hi))
        if not np.all((outputs > low) & (outputs < high)):
            raise ValueError(f"{self.name} takes values strictly between {low:g} and {high:g} here")
        return self._invert(outputs, found[0])

    def crossings(self, levels: ArrayLike, span: Span | None = None) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return all inputs at which the function passes output levels.

        Parameters
        ----------
        levels : array_like, [n]
            Outputs.
        span : tuple of float or None
            See `sections`.

        Returns
        -------
        inputs : ndarray, [K]
            Ascending [pre-activation].
        directions : ndarray of int, [K]
            +1 where the function rises through the level, -1 where it falls.
        """
        wanted = np.sort(np.asarray(levels, dtype=np.float64))
        inputs, directions = [], []
        for part in self.sections(span):
            low, high = sorted((part.at_lo, part.at_hi))
            passed = wanted[(wanted > low) & (wanted < high)][:: 1 if part.rising else -1]
            inputs.append(self._invert(passed, part))
            directions.append(np.full(passed.size, 1 if part.rising else -1))
        return np.concatenate(inputs), np.concatenate(directions)

    def _at_edges(self, edges: list[float]) -> list[float]:
        if math.isfinite(edges[0]) and math.isfinite(edges[-1]):
            return [float(output) for output in self(edges)]
        if self.limits is None or self.folds or len(edges) != 2:
            raise InputError(f"{self.name} needs a span, the range of inputs beyond which it saturates")
        # Only rising bounded functions come without a span: at the infinite ends, they are at their limits.
        ends = zip(edges, self.limits, strict=True)
        return [float(self(edge)) if math.isfinite(edge) else limit for edge, limit in ends]

    def _invert(self, outputs: FloatArray, section: Section) -> FloatArray:
        closed = self.inverses[section.index] if section.index < len(self.inverses) else None
        return self._bisect(outputs, section) if closed is None else closed(outputs)

    def _bisect(self, outputs: FloatArray, section: Section) -> FloatArray:
        """Return the lowest inputs of a section at which the outputs are reached, to the last bit."""

        def reached(v: FloatArray) -> NDArray[np.bool_]:
            return self(v) >= outputs if section.rising else self(v) <= outputs

        return first_true(reached, np.full(outputs.shape, section.lo), np.full(outputs.shape, section.hi))


def check_span(span: Span, where: str) -> Span:
    """Return a span as two floats.

    Raises
    ------
    InputError
        It is empty or not finite.
    """
    lo, hi = float(span[0]), float(span[1])
    if not (math.isfinite(hi - lo) and lo < hi):
        raise InputError(f"the span of {where} must be two ascending numbers, found {lo:g} and {hi:g}")
    return lo, hi


def saturating(value: Elementwise, slope: Elementwise, domain: Span) -> tuple[Elementwise, Elementwise]:
    """Return a function and its slope that stay, outside the domain, at the value that they have at its ends.

    The slope is 0 there, and also where it is not finite (the square root at 0), since trainings multiply by it.
    """
    lo, hi = domain

    def held(v: FloatArray) -> FloatArray:
        return value(np.clip(v, lo, hi))

    def inner_slope(v: FloatArray) -> FloatArray:
        slopes = slope(np.clip(v, lo, hi))
        return np.where((v >= lo) & (v <= hi) & np.isfinite(slopes), slopes, 0.0)

    return held, inner_slope


def quiet(function: Elementwise) -> Elementwise:
    """Return the function without NumPy's warnings: where it overflows to infinity, infinity is what is meant."""

    def calm(v: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return function(v)

    return calm
