"""What is timed is what is checked: each case's work at a small size against a slow and readable reference.

Tolerances of noisy results are `SIGMAS` standard deviations of what is compared, computed from the number of samples.
"""

import tempfile
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import log_softmax

from benchmarks.arrays import NoisyProduct, Programming
from benchmarks.cold_start import child
from benchmarks.columns import CALIBRATIONS, SIGMA, column_yield
from benchmarks.networks import SYMBOLS, LargeStep, keyword_network, language_chip, random_features
from benchmarks.wire_cases import dense_solution, fold_wires, solve_wires
from benchmarks.wire_data import wire_data
from memramp.devices import ConstantNoise, load_preset
from memramp.models.float_network import dense
from memramp.models.language_model import LanguageModel, score_text
from memramp.peripherals import Converter, design_ramp, inl_dnl, program_ramp

SIGMAS = 5.0


def noisy_product() -> None:
    """Check that every way to read has the exact mean and variance, and that codes are counted thresholds."""
    product = NoisyProduct.build(rows=48, cols=40, batch=64)
    pulses = np.round(product.x.astype(np.float64) * 127.0) / 127.0
    np.testing.assert_allclose(product.pulses(), pulses, atol=1e-6)
    mean, variance = pulses @ product.array.w_eff, pulses**2 @ _pair_variance(product)
    for outputs in (product.read(), product.read_per_device(), product.read_per_device_numpy(len(pulses))):
        _check_standard_normal((outputs - mean) / np.sqrt(variance))
    codes = np.searchsorted(product.adc.thresholds, product.read(), side="right")
    np.testing.assert_array_equal(product.codes(), codes)


def _pair_variance(product: NoisyProduct) -> NDArray[np.float64]:
    std = product.array.device.read_noise.std
    return (std(product.array.g_pos) ** 2 + std(product.array.g_neg) ** 2) / product.array.config.scale**2


def _check_standard_normal(z: NDArray[np.floating]) -> None:
    assert abs(z.mean()) < SIGMAS / np.sqrt(z.size)
    assert abs((z**2).mean() - 1.0) < SIGMAS * np.sqrt(2.0 / z.size)


def keyword_lstm() -> None:
    """Check that the compiled sequence has the bits of the step-wise one."""
    network = keyword_network()
    x = network.checkpoint.normalise(random_features(network, 5, 6))
    np.testing.assert_array_equal(network.layer.run(x, record=True), network.layer.stepwise(x))


def keyword_scores() -> None:
    """Check that scores are the dense layer's, of the last state of the step-wise reference."""
    network = keyword_network()
    features = random_features(network, 5, 6)
    states = network.layer.stepwise(network.checkpoint.normalise(features))
    np.testing.assert_allclose(network.logits(features), dense(states[:, -1], network.checkpoint.dense), rtol=1e-12)


def large_step() -> None:
    """Check that the step is that of an LSTM whose gates come out of counted thresholds."""
    step = LargeStep.build(rows=13, cols=24, batch=3)
    i, f, g, o = np.split(step.pre_activations(), 4, axis=1)
    sigmoid, tanh = _slow_gate(step.sigmoid, 6), _slow_gate(step.tanh, 7)
    expected = sigmoid(o) * np.tanh(sigmoid(f) * step.c + sigmoid(i) * tanh(g))
    np.testing.assert_allclose(step(), expected, rtol=1e-6)


def language_model() -> None:
    """Check that the bits are those of a slow pass: gates by counted thresholds, all else in NumPy."""
    chip = language_chip(hidden=9, projection=5)
    text = np.random.default_rng(5).integers(0, len(SYMBOLS), 12)
    cell, h, c, bits = chip.layer, np.zeros((1, 5), np.float32), np.zeros((1, 9)), 0.0
    keys = {name: cell.streams.key(name, "read") for name in ("lstm", "sigmoid", "tanh")}
    for t, (symbol, following) in enumerate(pairwise(text)):
        rows = np.concatenate([chip.checkpoint.tensors["embedding.weight"][symbol][np.newaxis], h, np.ones((1, 1))], 1)
        pre = cell.array.multiply(np.clip(rows, -1.0, 1.0), keys["lstm"], step=t)
        i, f, g, o = np.split(pre, 4, axis=1)
        sigmoid, tanh = (_slow_gate(cell.converters[name], int(keys[name]), t) for name in ("sigmoid", "tanh"))
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = ((sigmoid(o) * np.tanh(c)) @ chip.checkpoint.tensors["lstm.projection"]).astype(np.float32)
        bits -= log_softmax(dense(h, chip.checkpoint.dense), axis=1)[0, following] / np.log(2.0)
    found = score_text(LanguageModel.on_chip(chip), text)
    # In float32, sums in another order: a state changes by some 1e-7, no code does.
    np.testing.assert_allclose(found.bits, bits, rtol=1e-5)


def _slow_gate(converter: Converter, key: int, step: int = 0) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    def gate(v: NDArray[np.float32]) -> NDArray[np.float32]:
        ramps = [converter.read_thresholds(key, sample, step) for sample in range(len(v))]
        codes = [np.searchsorted(ramp, row, side="right") for ramp, row in zip(ramps, v, strict=True)]
        return np.asarray(converter.outputs[np.array(codes)])

    return gate


def programming() -> None:
    """Check that the error is that of devices whose noise cannot carry them below zero."""
    pair, times = Programming.build(24, 20), 4
    errors = pair.errors(times)
    assert np.unique(errors).size == times
    mean, variance = _rectified(pair.target, pair.device.prog_noise.std(pair.target))
    expected = np.sqrt(variance.mean() + mean.var())
    # Devices of unlike noise make a distribution with a kurtosis of up to 9, here far less.
    assert abs(errors.mean() / expected - 1.0) < SIGMAS * np.sqrt((9.0 - 1.0) / (4.0 * times * pair.target.size))


def _rectified(
    target: NDArray[np.float64], sigma: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance of ``max(target + sigma z, 0) - target`` for a standard normal z."""
    t = target / sigma
    below, density = stats.norm.cdf(t), stats.norm.pdf(t)
    first, second = t * below + density, (t * t + 1.0) * below + t * density
    return sigma * (first - t), sigma**2 * (second - first**2)


def ramp_yield() -> None:
    """Check that columns are as linear as those made one by one, for every calibration."""
    few, many = 60, 2000
    device = load_preset("yang2025_150us").model_copy(update={"prog_noise": ConstantNoise(sigma=SIGMA)})
    design = design_ramp("sigmoid", 5, "midpoint", device)
    for name, calibration in CALIBRATIONS.items():
        worst = []
        for chip in range(few):
            ramp = program_ramp(design, device, np.random.default_rng([7, chip]), calibration)
            worst.append(float(np.abs(inl_dnl(ramp.thresholds, design)[0]).max()))
        found = column_yield(many, name)
        spread = float(np.std(worst)) * np.sqrt(1.0 / few + 1.0 / many)
        assert abs(np.mean(worst) - found.mean_of_max) < SIGMAS * spread, name


def wires() -> None:
    """Check that currents are those of Kirchhoff's law at every node, solved in one dense system."""
    g, v = wire_data(9, 3)
    expected = dense_solution(g, v)
    currents, residual = solve_wires(g, v)
    np.testing.assert_allclose(currents, expected, rtol=0.0, atol=1e-9 * np.abs(expected).max())
    assert residual < 1e-9


def wires_fold() -> None:
    """Check that the effective conductances give the currents of the dense system, for any inputs."""
    g, v = wire_data(9, 3)
    expected = dense_solution(g, v)
    np.testing.assert_allclose(v @ fold_wires(g), expected, rtol=0.0, atol=1e-9 * np.abs(expected).max())


def cold_start() -> None:
    """Check that a second process finds all that the first one compiled."""
    with tempfile.TemporaryDirectory() as cache:
        first, second = child("normals", cache), child("normals", cache)
    assert first["compiled"] > 0
    assert second["compiled"] == 0
    assert first["digest"] == second["digest"]
