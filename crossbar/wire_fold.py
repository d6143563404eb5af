"""What an array with wires is to inference: one matrix, and factors of its devices' noise.

The circuit is linear. Its currents are ``v @ G_eff`` with a matrix that is computed once after programming; a read with
IR drop then costs a plain product.
"""

import numpy as np
from numpy.typing import ArrayLike

from memramp.crossbar.wire_network import build_network, check_voltages, device_share
from memramp.crossbar.wire_solver import DEFAULT_TOLERANCE, FloatArray, Network, solve_network
from memramp.crossbar.wires import WireConfig
from memramp.errors import InputError


def effective_conductance(g: ArrayLike, wires: WireConfig, *, tolerance: float = DEFAULT_TOLERANCE) -> FloatArray:
    """Return the matrix that an array with wires multiplies by.

    One solution for each row or each column, whichever are fewer: by reciprocity, the current that 1 V at a driver
    sends into a sink equals the current that 1 V at the sink sends into the driver.

    Parameters
    ----------
    g : array_like, [rows, cols]
        Conductances of the memristors [uS].
    wires : WireConfig
        Resistances of the wires.
    tolerance : float
        As for `memramp.crossbar.wires.solve`.

    Returns
    -------
    ndarray, [rows, cols]
        Current into the sink of each bit line for each volt at the driver of a word line, all else at 0 V [uS].

    Raises
    ------
    InputError
        As `memramp.crossbar.wires.solve`.
    """
    matrix = np.asarray(g)
    network = build_network(g, wires, min(matrix.shape, default=1))
    rows, cols = network.g.shape
    if rows <= cols:
        return solve_network(network, np.eye(rows), tolerance=tolerance).currents
    currents = solve_network(network.transposed(), np.eye(cols), tolerance=tolerance).currents
    return np.ascontiguousarray(currents.T)


def noise_factors(g: ArrayLike, wires: WireConfig, *, tolerance: float = DEFAULT_TOLERANCE) -> FloatArray:
    """Return by which factors wires change the variances that fluctuating devices cause at the outputs.

    To first order in the fluctuations, the current of bit line j has the variance ``sum_i x_i^2 sigma_ij^2 f_ij``
    [uA^2], x the inputs [V] and sigma the standard deviations of the conductances [uS]. The factor is the square of
    (voltage of device ij for 1 V at driver i alone) times (voltage of device ij for 1 V at sink j alone): what drives
    its fluctuation, and how much of that reaches the sink. Left out are what other rows add to the device's voltage,
    which `noise_variance` keeps, and what devices of other columns send into this one.

    Parameters
    ----------
    g, wires, tolerance
        As for `effective_conductance`.

    Returns
    -------
    ndarray, [rows, cols]
        Factors, 1 without wires.

    Raises
    ------
    InputError
        As `memramp.crossbar.wires.solve`.
    """
    network = build_network(g, wires, max(np.asarray(g).shape, default=1))
    return (_own_voltages(network, tolerance) * _sensitivity(network, g, wires, tolerance)) ** 2


def noise_variance(
    g: ArrayLike, wires: WireConfig, v: ArrayLike, sigma: ArrayLike, *, tolerance: float = DEFAULT_TOLERANCE
) -> FloatArray:
    """Return the variance of the currents that fluctuating devices cause, with the true voltages of the devices.

    As `noise_factors`, but with each device's voltage as all inputs together make it.

    Parameters
    ----------
    g, wires, tolerance
        As for `effective_conductance`.
    v : array_like, [batch, rows] or [rows]
        Voltages of the drivers [V].
    sigma : array_like, [rows, cols] or scalar
        Standard deviations of the conductances [uS].

    Returns
    -------
    ndarray, [batch, cols]
        Variance of each current [uA^2].

    Raises
    ------
    InputError
        As `memramp.crossbar.wires.solve`, or a standard deviation is negative or not finite.
    """
    inputs, deviations = check_voltages(v), np.asarray(sigma, np.float64)
    if not ((deviations >= 0.0) & np.isfinite(deviations)).all():
        raise InputError("sigma holds a negative or infinite number, allowed: finite standard deviations from 0 uS")
    network = build_network(g, wires, len(inputs), voltages=True)
    if inputs.shape[1] != network.g.shape[0]:
        raise InputError(f"v has {inputs.shape[1]} voltages for each input, allowed: {network.g.shape[0]}, one a row")
    fields = solve_network(network, inputs, tolerance=tolerance, voltages=True)
    assert fields.word_lines is not None
    assert fields.bit_lines is not None
    weight = (_sensitivity(network, g, wires, tolerance) * deviations) ** 2
    return np.asarray(((fields.word_lines - fields.bit_lines) ** 2 * weight).sum(axis=1))


def _own_voltages(network: Network, tolerance: float) -> FloatArray:
    """Return the cell voltages of each row for 1 V at its own driver alone, [rows, cols]."""
    fields = solve_network(network, np.eye(network.g.shape[0]), tolerance=tolerance, own=True)
    assert fields.own is not None
    return fields.own


def _sensitivity(network: Network, g: ArrayLike, wires: WireConfig, tolerance: float) -> FloatArray:
    """Return the change of a bit line's current with the conductance of its device, for each volt, [rows, cols].

    A cell's conductance g / (1 + g r_access) changes by the square of the memristor's share of the cell's voltage.
    """
    return _own_voltages(network.transposed(), tolerance).T * device_share(g, wires) ** 2
