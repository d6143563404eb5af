"""Compiled loops of the wire solver against matrices written out."""

import numpy as np
import pytest

from memramp.crossbar import wire_kernels as kernels
from memramp.jit import kernel

OPEN = kernels.OPEN


@kernel
def row_pass(g, p, q, rho, z, none, five, image, beta):
    return kernels.row_pass(g, p, q, rho, z, none, five, image, beta)


@kernel
def column_pass(g, p, q, none, scratch, rho, z, b, direction, image, alpha, beta):
    return kernels.column_pass(g, p, q, none, scratch, rho, z, b, direction, image, alpha, beta)


def line_matrix(g, r, first, last):
    """Return the conductance matrix of one line, and the conductances of its ends."""
    matrix = np.diag(g).astype(float)
    for k in range(len(g) - 1):
        matrix[k : k + 2, k : k + 2] += np.array([[1.0, -1.0], [-1.0, 1.0]]) / r
    matrix[0, 0] += 1.0 / first
    matrix[-1, -1] += 1.0 / last
    return matrix


def solved_lines(g, r, first, last, u, supply):
    """Solve every row of [lines, cells] as a line of its own."""
    out = np.empty_like(u)
    for k in range(len(g)):
        driven = np.zeros(g.shape[1])
        driven[0] += supply[k] / first[k]
        driven[-1] += supply[k] / last[k]
        out[k] = np.linalg.solve(line_matrix(g[k], r, first[k], last[k]), g[k] * u[k] + driven)
    return out


def lines(n, cells):
    rng = np.random.default_rng(n * 100 + cells)
    g, u, supply = rng.uniform(1.0, 100.0, (n, cells)), rng.normal(size=(n, cells)), rng.normal(size=n)
    first = np.where(rng.random(n) < 0.7, rng.uniform(1e-3, 1e-1, n), OPEN)
    last = np.where(first < OPEN, np.where(rng.random(n) < 0.5, 3e-3, OPEN), 2e-3)
    return g, u, supply, first, last


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("cells", [1, 2, 9])
def test_sweeps_solve_word_lines_and_bit_lines_exactly(n, cells):
    g, u, supply, first, last = lines(n, cells)
    wanted = solved_lines(g, 5e-3, first, last, u, supply)
    p, q, out = np.empty_like(g), np.empty_like(g), np.empty_like(g)
    kernels.factor_rows(g, 5e-3, first, last, p, q)
    kernels.sweep_rows(u, p, q, supply, out)
    np.testing.assert_allclose(out, wanted, rtol=0, atol=1e-12)
    columns = [np.ascontiguousarray(a.T) for a in (g, u)]
    p, q, out = (np.empty_like(columns[0]) for _ in range(3))
    kernels.factor_columns(columns[0], 5e-3, first, last, np.empty(n), p, q)
    kernels.sweep_columns(columns[1], p, q, supply, out)
    np.testing.assert_allclose(out.T, wanted, rtol=0, atol=1e-12)


def test_weights_without_resistance_carry_the_supply_exactly():
    g, u, supply, _, _ = lines(5, 7)
    p, q, out = np.empty_like(g), np.empty_like(g), np.empty_like(g)
    kernels.factor_rows(g, 0.0, np.zeros(5), np.zeros(5), p, q)
    kernels.sweep_rows(u, p, q, supply, out)
    np.testing.assert_array_equal(out, np.broadcast_to(supply[:, None], g.shape))


def test_a_line_without_ends_takes_the_mean_of_its_devices():
    g, u, _, _, _ = lines(5, 7)
    nowhere = np.full(5, OPEN)
    p, q, out = np.empty_like(g), np.empty_like(g), np.empty_like(g)
    kernels.factor_rows(g, 0.0, nowhere, nowhere, p, q)
    kernels.sweep_rows(u, p, q, np.zeros(5), out)
    mean = (g * u).sum(axis=1) / g.sum(axis=1)
    np.testing.assert_allclose(out, np.broadcast_to(mean[:, None], g.shape), atol=1e-14)


def test_passes_of_the_search_are_what_they_say():
    rng = np.random.default_rng(8)
    rows, cols, r = 6, 5, 4e-3
    g, rho, z, b, direction, image = rng.uniform(1.0, 100.0, (6, rows, cols))
    left, nowhere_rows = np.full(rows, 1e-2), np.full(rows, OPEN)
    bottom, nowhere_cols = np.full(cols, 2e-2), np.full(cols, OPEN)
    row_p, row_q, col_p, col_q = np.empty((4, rows, cols))
    kernels.factor_rows(g, r, left, nowhere_rows, row_p, row_q)
    kernels.factor_columns(g, r, nowhere_cols, bottom, np.empty(cols), col_p, col_q)
    five, none = np.empty((5, cols)), np.zeros(rows)

    answered = solved_lines(g, r, left, nowhere_rows, z, np.zeros(rows))
    wanted = (rho - answered) + 0.3 * image
    total = row_pass(g, row_p, row_q, rho, z, none, five, image, 0.3)
    np.testing.assert_allclose(image, wanted, rtol=1e-11, atol=1e-11)
    assert total == pytest.approx((g * z * wanted).sum(), rel=1e-11)

    ahead, left_over = z + 0.7 * direction, rho - 0.2 * image
    moved = b + 0.2 * ahead
    total = column_pass(g, col_p, col_q, none, five[4], rho, z, b, direction, image, 0.2, 0.7)
    transposed = [np.ascontiguousarray(a.T) for a in (g, left_over)]
    answer = solved_lines(transposed[0], r, nowhere_cols, bottom, transposed[1], np.zeros(cols)).T
    for found, expected in ((direction, ahead), (b, moved), (rho, left_over), (z, answer)):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    assert total == pytest.approx((g * left_over * answer).sum(), rel=1e-11)


@pytest.mark.parametrize("ends", ["first", "last", "both", "none"])
def test_violations_see_what_is_wrong_and_nothing_else(ends):
    g, u, supply, _, _ = lines(5, 7)
    first = np.full(5, OPEN if ends in ("last", "none") else 1e-2)
    last = np.full(5, OPEN if ends in ("first", "none") else 3e-2)
    supply = np.zeros(5) if ends == "none" else supply
    p, q, x = np.empty_like(g), np.empty_like(g), np.empty_like(g)
    kernels.factor_rows(g, 5e-3, first, last, p, q)
    kernels.sweep_rows(u, p, q, supply, x)
    outward = np.ascontiguousarray(g * (x - u))

    def violation(currents, volts):
        rows = kernels.row_violation(currents, volts, 5e-3, first, last, supply)
        down, along = np.ascontiguousarray(-currents.T), np.ascontiguousarray(volts.T)
        columns = kernels.column_violation(down, along, 5e-3, first, last, supply, np.empty((5, 5)))
        np.testing.assert_allclose(rows, columns, rtol=1e-6, atol=1e-12)
        return rows

    assert max(violation(outward, x)) < 1e-11
    wrong = outward.copy()
    wrong[2, 3] += 1.0  # uA
    volts, kept = violation(wrong, x)
    assert (kept == pytest.approx(1.0)) == (ends == "none")
    assert volts > 1e-3 or ends == "none"
    x[1, 4] += 1e-6
    assert violation(outward, x)[0] == pytest.approx(1e-6, rel=1e-3)
