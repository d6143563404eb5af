"""Reads of an array device by device: slow, and what the fast kernels must have the distribution of."""

import numpy as np

from memramp.crossbar.kernels import ReadNoise
from memramp.devices.noise import FloatArray


def read_pair_by_pair(x: FloatArray, w: FloatArray, noise: ReadNoise, rng: np.random.Generator) -> FloatArray:
    """Read once for each sample, with a draw for every pair, every reference device and every state.

    Parameters
    ----------
    x : ndarray, [batch, rows]
        Inputs [full pulses].
    w : ndarray, [rows, cols]
        Weights [weight units].
    noise : ReadNoise
        Read noise of the pairs.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    ndarray of float64, [batch, cols]
        Outputs [weight units times input units].
    """
    return np.stack([_one_read(row, w, noise, rng) for row in np.asarray(x, np.float64)])


def _one_read(x: FloatArray, w: FloatArray, noise: ReadNoise, rng: np.random.Generator) -> FloatArray:
    held = _matrix(noise.held, w.shape) + noise.held_std**2
    white = _matrix(noise.white, w.shape) + noise.white_std**2
    # White noise over a part of a pulse: the charge varies as the square root of the time.
    charge = x[:, None] * (w + np.sqrt(held) * rng.standard_normal(w.shape))
    charge += np.sqrt(white * np.abs(x)[:, None]) * rng.standard_normal(w.shape)
    reference = x * np.sqrt(_column(noise.shared_held, x.size)) * rng.standard_normal(x.size)
    reference += np.sqrt(_column(noise.shared_white, x.size) * np.abs(x)) * rng.standard_normal(x.size)
    out = charge.sum(axis=0) - reference.sum()
    row, col, delta, duty = noise.telegraph
    changes = np.where(rng.random(row.size) < duty, x[row] * delta, 0.0)
    np.add.at(out, col[col >= 0], changes[col >= 0])
    return np.asarray(out + changes[col < 0].sum())


def _matrix(part: FloatArray, shape: tuple[int, int]) -> FloatArray:
    return np.asarray(part, np.float64) if part.size else np.zeros(shape)


def _column(part: FloatArray, rows: int) -> FloatArray:
    return np.asarray(part, np.float64) if part.size else np.zeros(rows)
