"""Compiled loops of the wire solver; float64 arrays and scalars only, one input vector at a time, on one thread.

A *line* is a word line (row) or a bit line (column): a chain of nodes, one a cell, with a resistance `r` between
neighbours, an end resistance to a supply at either end, and a device of conductance `g` from each node to a *far*
voltage `u`. Both kinds of line are solved exactly by one sweep forth and one back, in voltages:

    forth:  E[k] = p[k] E[k-1] + (1 - p[k]) u[k]      E[-1] = supply at the first end
    back:   x[k] = q[k] x[k+1] + (1 - q[k]) E[k]      x[n]  = supply at the last end

E is the open-circuit (Thevenin) voltage of all that lies before and at node k, R its resistance; p = 1 / (1 + g R) with
the R before the device, q = R / (R + r) with the R behind it. Every step is a weighted mean: nothing cancels, any
resistance may be zero, and an end that is left open has the resistance `OPEN`, which is exact in double precision.

Units: conductances uS, voltages V, resistances 1/uS = megohm. Matrices are [rows, cols]. Inputs are not checked; arrays
are C-contiguous. The solver in `memramp.crossbar.wire_solver` calls these kernels one by one: a call costs less than a
microsecond, and a kernel that calls others would compile them again.
"""

import numpy as np
from numpy.typing import NDArray

from memramp.jit import inline_kernel, kernel

Array = NDArray[np.float64]

# Resistance of an end that is not connected [megohm]: its weight, below 1e-260, vanishes; products stay finite.
OPEN = 1e280
# Keeps 0/0 at 0 where all resistances are 0; vanishes against every other resistance.
TINY = 1e-300


@kernel
def factor_rows(g: Array, r: float, left: Array, right: Array, p: Array, q: Array) -> None:
    """Fill the sweep weights of the word lines; four lines at once, since each division waits for the one before."""
    rows, cols = g.shape
    for i in range(0, rows, 4):
        # The last block may overlap the one before: the same numbers are written twice.
        i0 = max(0, min(i, rows - 4))
        i1, i2, i3 = min(i0 + 1, rows - 1), min(i0 + 2, rows - 1), min(i0 + 3, rows - 1)
        g0, g1, g2, g3 = g[i0, :cols], g[i1, :cols], g[i2, :cols], g[i3, :cols]
        p0, p1, p2, p3 = p[i0, :cols], p[i1, :cols], p[i2, :cols], p[i3, :cols]
        q0, q1, q2, q3 = q[i0, :cols], q[i1, :cols], q[i2, :cols], q[i3, :cols]
        r0, r1, r2, r3 = left[i0], left[i1], left[i2], left[i3]
        for j in range(cols):
            p0[j], p1[j] = 1.0 / (1.0 + g0[j] * r0), 1.0 / (1.0 + g1[j] * r1)
            p2[j], p3[j] = 1.0 / (1.0 + g2[j] * r2), 1.0 / (1.0 + g3[j] * r3)
            s0, s1, s2, s3 = r0 * p0[j], r1 * p1[j], r2 * p2[j], r3 * p3[j]
            if j < cols - 1:
                r0, r1, r2, r3 = s0 + r, s1 + r, s2 + r, s3 + r
            else:
                r0, r1, r2, r3 = s0 + right[i0], s1 + right[i1], s2 + right[i2], s3 + right[i3]
            q0[j], q1[j], q2[j], q3[j] = s0 / (r0 + TINY), s1 / (r1 + TINY), s2 / (r2 + TINY), s3 / (r3 + TINY)


@kernel
def factor_columns(g: Array, r: float, top: Array, bottom: Array, before: Array, p: Array, q: Array) -> None:
    """Fill the sweep weights of the bit lines; before [cols] is scratch."""
    rows, cols = g.shape
    for j in range(cols):
        before[j] = top[j]
    for i in range(rows):
        g_i, p_i, q_i = g[i, :cols], p[i, :cols], q[i, :cols]
        for j in range(cols):
            p_i[j] = 1.0 / (1.0 + g_i[j] * before[j])
        for j in range(cols):
            here = before[j] * p_i[j]
            before[j] = here + (r if i < rows - 1 else bottom[j])
            q_i[j] = here / (before[j] + TINY)


@inline_kernel
def _mean(weight: float, a: float, b: float) -> float:
    return weight * a + (b - weight * b)


@kernel
def sweep_rows(u: Array, p: Array, q: Array, supply: Array, out: Array) -> None:
    """Solve word lines for their voltages; u, p, q, out [n, cols], supply [n]. `out` must not be `u`.

    Four lines at once: each step of a line waits for the one before.
    """
    n, cols = out.shape
    for i in range(0, n, 4):
        i0 = max(0, min(i, n - 4))
        i1, i2, i3 = min(i0 + 1, n - 1), min(i0 + 2, n - 1), min(i0 + 3, n - 1)
        u0, u1, u2, u3 = u[i0, :cols], u[i1, :cols], u[i2, :cols], u[i3, :cols]
        p0, p1, p2, p3 = p[i0, :cols], p[i1, :cols], p[i2, :cols], p[i3, :cols]
        q0, q1, q2, q3 = q[i0, :cols], q[i1, :cols], q[i2, :cols], q[i3, :cols]
        x0, x1, x2, x3 = out[i0, :cols], out[i1, :cols], out[i2, :cols], out[i3, :cols]
        e0, e1, e2, e3 = supply[i0], supply[i1], supply[i2], supply[i3]
        for j in range(cols):
            e0, e1 = _mean(p0[j], e0, u0[j]), _mean(p1[j], e1, u1[j])
            e2, e3 = _mean(p2[j], e2, u2[j]), _mean(p3[j], e3, u3[j])
            x0[j], x1[j], x2[j], x3[j] = e0, e1, e2, e3
        e0, e1, e2, e3 = supply[i0], supply[i1], supply[i2], supply[i3]
        for j in range(cols - 1, -1, -1):
            # All four are read before any is written: lines may stand twice where there are fewer than four.
            y0, y1, y2, y3 = x0[j], x1[j], x2[j], x3[j]
            e0, e1 = _mean(q0[j], e0, y0), _mean(q1[j], e1, y1)
            e2, e3 = _mean(q2[j], e2, y2), _mean(q3[j], e3, y3)
            x0[j], x1[j], x2[j], x3[j] = e0, e1, e2, e3


@kernel
def sweep_columns(u: Array, p: Array, q: Array, supply: Array, out: Array) -> None:
    """Solve bit lines for their voltages; u, p, q, out [rows, cols], supply [cols]. `out` may be `u`."""
    rows, cols = p.shape  # not of `out`: that doubles the time
    last = supply[:cols]
    for i in range(rows):
        p_i, u_i, x = p[i, :cols], u[i, :cols], out[i, :cols]
        for j in range(cols):
            x[j] = _mean(p_i[j], last[j], u_i[j])
        last = x
    last = supply[:cols]
    for i in range(rows - 1, -1, -1):
        q_i, x = q[i, :cols], out[i, :cols]
        for j in range(cols):
            x[j] = _mean(q_i[j], last[j], x[j])
        last = x


@inline_kernel
def row_pass(
    g: Array, p: Array, q: Array, rho: Array, z: Array, none: Array, five: Array, image: Array, beta: float
) -> float:
    """Renew the image of the direction of search, ``image = (rho - R z) + beta image``; return ``sum g z image``.

    Four lines at once, so that what they were solved for is still in the cache. none [rows] zeros, five [5, cols]
    scratch.
    """
    rows, cols = g.shape
    sums = five[4, :cols]
    for j in range(cols):
        sums[j] = 0.0
    for first in range(0, rows, 4):
        stop = min(first + 4, rows)
        sweep_rows(z[first:stop], p[first:stop], q[first:stop], none, five[: stop - first])
        for i in range(first, stop):
            x, image_i, rho_i = five[i - first, :cols], image[i, :cols], rho[i, :cols]
            for j in range(cols):
                image_i[j] = (rho_i[j] - x[j]) + beta * image_i[j]
            g_i, z_i = g[i, :cols], z[i, :cols]
            for j in range(cols):
                sums[j] += g_i[j] * z_i[j] * image_i[j]
    total = 0.0
    for j in range(cols):
        total += sums[j]
    return total


@inline_kernel
def column_pass(
    g: Array, p: Array, q: Array, none: Array, sums: Array,
    rho: Array, z: Array, b: Array, direction: Array, image: Array, alpha: float, beta: float,
) -> float:
    """Step along the direction of search, then answer the new residual: ``z = C rho``; return ``sum g rho z``.

    none [cols] zeros, sums [cols] scratch.
    """
    rows, cols = p.shape
    last = none[:cols]
    for i in range(rows):
        z_i, direction_i, b_i = z[i, :cols], direction[i, :cols], b[i, :cols]
        for j in range(cols):
            direction_i[j] = z_i[j] + beta * direction_i[j]
            b_i[j] += alpha * direction_i[j]
        rho_i, image_i, p_i = rho[i, :cols], image[i, :cols], p[i, :cols]
        for j in range(cols):
            rho_i[j] -= alpha * image_i[j]
        for j in range(cols):
            z_i[j] = _mean(p_i[j], last[j], rho_i[j])
        last = z_i
    for j in range(cols):
        sums[j] = 0.0
    last = none[:cols]
    for i in range(rows - 1, -1, -1):
        z_i, q_i, g_i, rho_i = z[i, :cols], q[i, :cols], g[i, :cols], rho[i, :cols]
        for j in range(cols):
            z_i[j] = _mean(q_i[j], last[j], z_i[j])
        for j in range(cols):
            sums[j] += g_i[j] * rho_i[j] * z_i[j]
        last = z_i
    total = 0.0
    for j in range(cols):
        total += sums[j]
    return total


@kernel
def search(
    g: Array,
    weights: Array,
    fields: Array,
    b: Array,
    five: Array,
    none: Array,
    goal: float,
    relative: float,
    limit: int,
) -> tuple[float, int]:
    """Move `b` by conjugate gradients until ``sum g rho C rho`` is at `goal`; return goal and number of iterations.

    A negative goal stands for `relative` times what the sum is at first. weights [4, rows, cols] as in
    `memramp.crossbar.wire_solver.Network`; fields [4, rows, cols]: rho, and scratch; five [5, cols] is scratch, none
    [max(rows, cols)] zeros.
    """
    rho, z, direction, image = fields[0], fields[1], fields[2], fields[3]
    fields[1:] = 0.0
    alpha, beta, gamma, count = 0.0, 0.0, 0.0, 0
    while True:
        # The first step is empty: it only answers rho.
        after = column_pass(g, weights[2], weights[3], none, five[4], rho, z, b, direction, image, alpha, beta)
        beta = after / gamma if count > 0 else 0.0
        gamma = after
        if goal < 0.0:
            goal = relative * gamma
        if not gamma > goal or count >= limit:
            return goal, count
        alpha = gamma / row_pass(g, weights[0], weights[1], rho, z, none, five, image, beta)
        count += 1


@inline_kernel
def _largest(values: Array) -> float:
    largest = 0.0
    for k in range(values.shape[0]):
        largest = max(largest, abs(values[k]))
    return largest


@kernel
def device_currents(g: Array, w: Array, b: Array, offset: Array, current: Array, sums: Array) -> float:
    """Fill in the currents of the devices, g (w - b - offset), from word line to bit line; return the largest [uA].

    offset is [rows, cols] or [0, 0]. sums [cols] becomes what the bit lines receive, added in rising order of rows; it
    has a loop of its own, so that no product and sum are rounded as one: without wires it is the plain product.
    """
    rows, cols = g.shape
    largest = 0.0
    for j in range(cols):
        sums[j] = 0.0
    for i in range(rows):
        g_i, w_i, b_i, current_i = g[i, :cols], w[i, :cols], b[i, :cols], current[i, :cols]
        for j in range(cols):
            current_i[j] = w_i[j] - b_i[j]
        if offset.size > 0:
            offset_i = offset[i, :cols]
            for j in range(cols):
                current_i[j] -= offset_i[j]
        for j in range(cols):
            current_i[j] *= g_i[j]
            largest = max(largest, abs(current_i[j]))
        for j in range(cols):
            sums[j] += current_i[j]
    return largest


@kernel
def row_violation(current: Array, w: Array, r: float, left: Array, right: Array, supply: Array) -> tuple[float, float]:
    """Return by how much word lines miss Ohm's law, with all currents summed from those of the devices.

    Kirchhoff's current law gives the current of every segment once that of one end is known, and the voltages of the
    supplies give that one. What is left is one equation a segment, free of the factors that the solver uses, and
    meaningful for any resistance, zero too.

    Returns
    -------
    tuple
        Largest error of the voltage of a segment or an end [V]; largest current that a line without ends keeps [uA].
    """
    rows, cols = current.shape
    volts = kept = 0.0
    for i in range(rows):
        i_i, w_i = current[i, :cols], w[i, :cols]
        out = drop = 0.0
        for j in range(cols):
            drop += r * out
            out += i_i[j]
        into = (drop + right[i] * out) / (left[i] + (cols - 1) * r + right[i] + TINY)
        if left[i] < OPEN:
            volts = max(volts, abs((supply[i] - w_i[0]) - left[i] * into))
        elif right[i] >= OPEN:
            kept = max(kept, abs(out))
        for j in range(cols - 1):
            into -= i_i[j]
            volts = max(volts, abs((w_i[j] - w_i[j + 1]) - r * into))
        if right[i] < OPEN:
            volts = max(volts, abs((w_i[cols - 1] - supply[i]) - right[i] * (into - i_i[cols - 1])))
    return volts, kept


@kernel
def column_violation(
    current: Array, b: Array, r: float, top: Array, bottom: Array, supply: Array, five: Array
) -> tuple[float, float]:
    """Return by how much bit lines miss Ohm's law, as `row_violation`; five [5, cols] is scratch."""
    rows, cols = current.shape
    drop, into, worst = five[0, :cols], five[1, :cols], five[2, :cols]
    five[:] = 0.0
    for i in range(rows):
        i_i = current[i, :cols]
        for j in range(cols):
            drop[j] -= r * into[j]
            into[j] += i_i[j]
    kept = 0.0
    for j in range(cols):
        through = into[j]
        into[j] = (drop[j] - bottom[j] * through) / (top[j] + (rows - 1) * r + bottom[j] + TINY)
        if top[j] < OPEN:
            worst[j] = abs((supply[j] - b[0, j]) - top[j] * into[j])
        elif bottom[j] >= OPEN:
            kept = max(kept, abs(through))
    for i in range(rows - 1):
        i_i, b_i, below = current[i, :cols], b[i, :cols], b[i + 1, :cols]
        for j in range(cols):
            into[j] += i_i[j]
            worst[j] = max(worst[j], abs((b_i[j] - below[j]) - r * into[j]))
    for j in range(cols):
        if bottom[j] < OPEN:
            through = into[j] + current[rows - 1, j]
            worst[j] = max(worst[j], abs((b[rows - 1, j] - supply[j]) - bottom[j] * through))
    return _largest(worst), kept

