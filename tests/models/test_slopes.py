"""Slopes of blurred staircases."""

from itertools import pairwise

import numpy as np
import pytest
from networks import HARDWARE, IDEAL, NETWORKS, NOISY, random_checkpoint, random_features, random_network

torch = pytest.importorskip("torch", reason="needs memramp[train]")

from memramp.models.analog_network import program_network  # noqa: E402
from memramp.models.hardware import HardwareConfig  # noqa: E402
from memramp.models.torch_gate import GateDraw, Staircase  # noqa: E402
from memramp.models.torch_network import network_of  # noqa: E402
from memramp.models.torch_slopes import Blur, bell_deviations, blurred_slopes  # noqa: E402
from memramp.models.training_draw import draw_hardware, noise_of_sums  # noqa: E402
from memramp.streams import Streams  # noqa: E402

UNEVEN = np.array([-3.0, -1.4, -0.6, -0.5, 0.1, 0.9, 2.5])
OUTPUTS = np.array([0.0, 0.05, 0.2, 0.4, 0.45, 0.7, 0.95, 1.0])
TURNING = np.array([0.0, 0.5, 0.9, 0.4, 0.1, 0.3, 0.8, 0.2])


def expected_output(v, thresholds, outputs, deviations, z):
    """Mean output of a staircase whose thresholds have errors of these deviations, for draws z [n, K]."""
    rises = np.diff(outputs)
    crossed = v[:, np.newaxis, np.newaxis] >= thresholds + deviations * z
    return outputs[0] + (crossed * rises).sum(axis=2).mean(axis=1)


@pytest.mark.statistics
@pytest.mark.parametrize("outputs", [OUTPUTS, TURNING], ids=["rising", "turning"])
def test_slopes_are_those_of_the_expected_output_of_a_noisy_pre_activation(outputs):
    # With a deviation above half of all steps, each threshold has the pre-activation's: one noise serves all.
    std, half, n = 1.5, 0.15, 200_000
    assert (bell_deviations(UNEVEN, std) == std).all()
    slopes = blurred_slopes(UNEVEN, outputs, std)
    z = np.random.default_rng(0).standard_normal((n, 1))
    v = np.linspace(-6.0, 6.0, 13)
    ahead, behind = (expected_output(v + way * half, UNEVEN, outputs, std, z) for way in (1, -1))
    found = slopes(torch.from_numpy(v.astype(np.float32))).numpy()
    # The curvature of a bell of this deviation over the difference's width, and the error of the mean.
    bias = np.abs(np.diff(outputs)).sum() * half**2 / 6 / std**3
    np.testing.assert_allclose(found, (ahead - behind) / (2 * half), atol=bias + 5 * 0.5 / half * np.sqrt(half / n))


@pytest.mark.parametrize("std", [0.0, 0.2, 1.0])
def test_slopes_are_the_sum_of_bells(std):
    slopes = blurred_slopes(UNEVEN, OUTPUTS, std)
    v = np.linspace(-9, 9, 1001)
    spread = bell_deviations(UNEVEN, std)
    bells = np.exp(-0.5 * ((v[:, np.newaxis] - UNEVEN) / spread) ** 2) / (np.sqrt(2 * np.pi) * spread)
    found = slopes(torch.from_numpy(v.astype(np.float32))).numpy()
    np.testing.assert_allclose(found, bells @ np.diff(OUTPUTS), atol=5e-3 * bells.sum(axis=1).max())


def test_a_slope_never_vanishes_between_thresholds_and_does_beyond_them():
    slopes = blurred_slopes(UNEVEN, OUTPUTS, 0.0)
    inside = torch.linspace(-3.0, 2.5, 500)
    assert float(slopes(inside).min()) > 0.01
    assert torch.equal(slopes(torch.tensor([-9.0, 9.0, -1e30, 1e30])), torch.zeros(4))


@pytest.mark.parametrize("thresholds", [[0.3], [0.3, 0.3], [0.3, 0.3, 0.3, 0.4]])
def test_few_thresholds_and_such_that_coincide_have_finite_slopes_of_the_right_area(thresholds):
    steps = np.linspace(-1.0, 1.0, len(thresholds) + 1)
    slopes = blurred_slopes(np.array(thresholds), steps, 0.0)
    assert torch.isfinite(slopes.values).all()
    assert float(slopes.values.sum()) / slopes.per_unit == pytest.approx(2.0, rel=1e-3)


def test_many_bits_are_sampled_in_a_grid_of_bounded_size():
    thresholds = np.sort(np.random.default_rng(0).normal(0.0, 2.0, 4095))
    slopes = blurred_slopes(thresholds, np.linspace(0.0, 1.0, 4096), 0.0)
    assert len(slopes.values) < 2**16 + 10
    assert float(slopes.values.sum()) / slopes.per_unit == pytest.approx(1.0, rel=0.01)


def test_the_gradient_of_a_gate_takes_the_slopes():
    stairs = Staircase(torch.from_numpy(UNEVEN.astype(np.float32)), torch.from_numpy(OUTPUTS.astype(np.float32)))
    slopes = blurred_slopes(UNEVEN, OUTPUTS, 0.3)
    pre = torch.linspace(-5, 5, 40).reshape(4, 10).requires_grad_()
    value = GateDraw(slice(0, 10), "sigmoid", stairs, slopes=slopes)(pre, None)
    value.sum().backward()
    assert torch.equal(pre.grad, slopes(pre.detach()))
    assert torch.equal(value, stairs(pre))


def test_the_hardwares_blur_is_the_noise_of_sums():
    hardware = HARDWARE["noise that varies between pairs"]
    checkpoint, rng = random_checkpoint(inputs=20, hidden=20), np.random.default_rng(0)
    chips = [program_network(checkpoint, hardware, Streams(seed)).layer.array for seed in range(30)]
    x = np.append(rng.uniform(-1, 1, (1000, 40)), np.ones((1000, 1)), axis=1).astype(np.float32)
    clean = x @ chips[0].mapped.weights
    errors = [chip.multiply(x, np.uint64(k)) - clean for k, chip in enumerate(chips)]
    mean = np.sqrt(np.mean([noise_of_sums(chip) ** 2 for chip in chips]))
    assert mean == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=0.03)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_learns_with_blurred_slopes(name):
    checkpoint = random_network(name)
    hardware = HardwareConfig(device=NOISY, tanh_c="nladc", projection="analog")
    outputs, gradients = [], []
    for blur in (None, Blur(), Blur(0.0)):
        network, draw = network_of(checkpoint), draw_hardware(checkpoint, hardware, Streams(0), blur)
        x = torch.from_numpy(np.tanh(random_features(16)))
        scores = network(x, draw, 0.0, torch.Generator().manual_seed(1))
        scores.square().sum().backward()
        outputs.append(scores.detach())
        parameters = [p for _, p in network.named_tensors()]
        assert all(torch.isfinite(p.grad).all() and (p.grad != 0).any() for p in parameters)
        gradients.append(torch.cat([p.grad.flatten() for p in parameters]))
    assert all(torch.equal(one, other) for one, other in pairwise(outputs))  # gradients alone differ
    assert not any(torch.equal(one, other) for one, other in pairwise(gradients))
    cosine = torch.nn.functional.cosine_similarity(gradients[0], gradients[1], dim=0)
    assert cosine > 0.7


def test_the_state_converters_slope_is_that_of_its_staircase():
    # Where c lies beyond the last threshold of its converter, blurred gradients do not reach it.
    hardware = HardwareConfig(device=IDEAL, tanh_c="nladc")
    draw = draw_hardware(random_checkpoint(), hardware, Streams(0), Blur(0.0))
    state = draw.cells["lstm"].state
    c = torch.tensor([[0.0, 9.0]])
    values = torch.empty_like(c)
    state.fill(c, values, None)
    assert c[0, 0] > 0.5
    assert c[0, 1] == 0.0
