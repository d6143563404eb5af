"""Programming errors by conductance: a polynomial, standard deviations by target, or measured errors.

`ProgNoise` is the union of all kinds of a ``prog_noise`` block, with those of `memramp.devices.noise` and the simulated
loop of `memramp.devices.write_verify`. Conductances and errors are in uS.
"""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from memramp.devices.measurements import read_errors
from memramp.devices.noise import (
    ConstantNoise,
    FloatArray,
    NoNoise,
    ProportionalNoise,
    UniformNoise,
    _Noise,
)
from memramp.devices.write_verify import WriteVerify
from memramp.quantities import Microsiemens, NonNegativeMicrosiemens

MAX_QUANTILES = 65
"""Most quantiles that a file of measured errors is reduced to, for each target."""

_MOST = 10_000  # numbers in a list
_Targets = Annotated[tuple[NonNegativeMicrosiemens, ...], Field(min_length=1, max_length=_MOST)]
_Quantiles = Annotated[tuple[Microsiemens, ...], Field(min_length=2, max_length=_MOST)]


def _check_targets(targets: tuple[float, ...], rows: int, name: str) -> None:
    if any(b <= a for a, b in pairwise(targets)):
        raise ValueError(f"targets must rise, found {', '.join(f'{value:g}' for value in targets)[:60]}")
    if len(targets) != rows:
        raise ValueError(f"targets and {name} must be equally many, found {len(targets)} and {rows}")


class PolynomialNoise(_Noise):
    """Gaussian error whose standard deviation is a polynomial of the conductance.

    ``std = max(sum_k coefficients[k] (g / g_ref)^k, 0)``, with coefficients in uS: the form in which the fit to
    phase-change memory is published [1]_ and in which aihwkit holds its fits.

    References
    ----------
    .. [1] Joshi et al., Nat. Commun. 11, 2473 (2020), doi 10.1038/s41467-020-16108-9; Nandakumar et al., ICECS 2019.
    """

    kind: Literal["polynomial"] = "polynomial"
    coefficients: Annotated[tuple[Microsiemens, ...], Field(min_length=1, max_length=10)]
    """Of ascending powers of ``g / g_ref`` [uS]."""

    g_ref: Annotated[NonNegativeMicrosiemens, Field(gt=0)]
    """Conductance that g is divided by, g_max of the device that was fitted [uS]."""

    def std(self, g: ArrayLike) -> FloatArray:
        """Return the polynomial, 0 where it is negative [uS]."""
        x = np.asarray(g, dtype=np.float64) / self.g_ref
        return np.maximum(np.polynomial.polynomial.polyval(x, self.coefficients), 0.0)


class SigmaTableNoise(_Noise):
    """Gaussian error whose standard deviation was measured at some targets; linear between them, constant beyond."""

    kind: Literal["sigma_table"] = "sigma_table"
    targets: _Targets
    """Conductances, rising [uS]."""

    sigmas: Annotated[tuple[NonNegativeMicrosiemens, ...], Field(min_length=1, max_length=_MOST)]
    """Standard deviation at each target [uS]."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_targets(self.targets, len(self.sigmas), "sigmas")
        return self

    def std(self, g: ArrayLike) -> FloatArray:
        """Return the standard deviation interpolated between the targets [uS]."""
        return np.asarray(np.interp(np.asarray(g, dtype=np.float64), self.targets, self.sigmas))


class TableNoise(_Noise):
    """Errors as they were measured: quantiles of the error at some targets.

    The quantile function is linear between the quantiles, and between targets it is that of the neighbours,
    interpolated quantile by quantile; beyond the outermost targets it stays as it is there. In a file, the key
    ``file`` may stand for both lists: a CSV with the columns ``target_uS`` and ``measured_uS``, a row for each write.
    """

    kind: Literal["table"] = "table"
    targets: _Targets
    """Conductances at which errors were measured, rising [uS]."""

    errors: Annotated[tuple[_Quantiles, ...], Field(min_length=1, max_length=_MOST)]
    """For each target the quantiles of the error at evenly spaced probabilities, from the smallest error to the
    largest; equally many for all targets [uS]."""

    @classmethod
    def from_file(cls, path: Path) -> "TableNoise":
        """Read errors from a CSV file with a row ``target_uS,measured_uS`` for each write.

        Each target takes as many evenly spaced quantiles as the target with the fewest writes has, at most
        `MAX_QUANTILES`.

        Raises
        ------
        InputError
            Names file and line, what was found and what is allowed.
        """
        return cls.from_errors(read_errors(path))

    @classmethod
    def from_errors(cls, errors: dict[float, FloatArray]) -> "TableNoise":
        """Make the table of measured errors: for each target, at least two [uS]."""
        targets = sorted(errors)
        count = min([MAX_QUANTILES, *(len(errors[target]) for target in targets)])
        places = np.linspace(0.0, 1.0, count)
        rows = tuple(tuple(np.quantile(errors[target], places).tolist()) for target in targets)
        return cls(targets=tuple(targets), errors=rows)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_targets(self.targets, len(self.errors), "errors")
        counts = sorted({len(row) for row in self.errors})
        if len(counts) > 1:
            raise ValueError(f"each target needs equally many quantiles, found {counts[0]} and {counts[-1]}")
        for target, row in zip(self.targets, self.errors, strict=True):
            if any(b < a for a, b in pairwise(row)):
                raise ValueError(f"the quantiles of the error must not fall, found one that does at {target:g} uS")
        return self

    @property
    def quantiles(self) -> FloatArray:
        """Return the errors as an array, [targets, quantiles] [uS]."""
        return np.array(self.errors, dtype=np.float64)

    def places(self, g: ArrayLike) -> tuple[NDArray[np.int64], FloatArray]:
        """Return for each conductance the row of the target below, and how far it is on the way to the next, 0..1."""
        targets = np.array(self.targets)
        position = np.interp(np.asarray(g, dtype=np.float64), targets, np.arange(float(targets.size)))
        row = np.floor(position).astype(np.int64)
        return row, position - row

    def mean(self, g: ArrayLike) -> FloatArray:
        """Return the mean error [uS]."""
        rows = self.quantiles
        means = (rows[:, 1:] + rows[:, :-1]).mean(axis=1) / 2.0
        return self._between(means, g)

    def std(self, g: ArrayLike) -> FloatArray:
        """Return the standard deviation of the errors that are drawn, exactly [uS]."""
        row, weight = self.places(g)
        own, cross = self._moments()
        after = np.minimum(row + 1, len(own) - 1)
        square = (1 - weight) ** 2 * own[row] + 2 * weight * (1 - weight) * cross[row] + weight**2 * own[after]
        return np.sqrt(np.maximum(square - self.mean(g) ** 2, 0.0))

    def window(self, g: ArrayLike) -> FloatArray:
        """Return the largest error in either direction [uS]."""
        rows = self.quantiles
        return np.maximum(self._between(-rows[:, 0], g), self._between(rows[:, -1], g))

    def draw(self, g: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Draw errors by inverse transform [uS]; the mean need not be 0. See `_Noise.draw`."""
        row, weight = self.places(g)
        rows = self.quantiles
        place = rng.random(row.shape) * (rows.shape[1] - 1)
        k = place.astype(np.int64)
        low, high = (rows[r, k] + (place - k) * (rows[r, k + 1] - rows[r, k]) for r in (row, self._next(row)))
        return np.asarray(low + weight * (high - low))

    def _next(self, row: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.minimum(row + 1, len(self.targets) - 1)

    def _between(self, values: FloatArray, g: ArrayLike) -> FloatArray:
        return np.asarray(np.interp(np.asarray(g, dtype=np.float64), self.targets, values))

    def _moments(self) -> tuple[FloatArray, FloatArray]:
        """Return the integrals over the probability of Q_r^2 and of Q_r Q_(r+1), [targets] each."""
        rows = self.quantiles
        nxt = rows[self._next(np.arange(len(rows)))]

        def product(a: FloatArray, b: FloatArray) -> FloatArray:
            # of two functions that are linear between the quantiles, by Simpson's rule, which is exact for it
            middle = (a[:, 1:] + a[:, :-1]) * (b[:, 1:] + b[:, :-1])
            return np.asarray((a[:, 1:] * b[:, 1:] + a[:, :-1] * b[:, :-1] + middle).mean(axis=1) / 6.0)

        return product(rows, rows), product(rows, nxt)


ProgNoise = Annotated[
    NoNoise
    | ConstantNoise
    | ProportionalNoise
    | PolynomialNoise
    | UniformNoise
    | SigmaTableNoise
    | TableNoise
    | WriteVerify,
    Field(discriminator="kind"),
]
"""Error of a written conductance, drawn once per device."""
