"""The fast way of an LSTM's training, against readable references."""

import numba
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs memramp[train]")

from networks import random_network  # noqa: E402

from memramp.devices import ConstantNoise, Device  # noqa: E402
from memramp.models import torch_network  # noqa: E402
from memramp.models import training_kernels as kernels  # noqa: E402
from memramp.models.gates import GateConfig, StateConfig  # noqa: E402
from memramp.models.hardware import HardwareConfig  # noqa: E402
from memramp.models.torch_fast_lstm import FastRules, fast_lstm_sequence  # noqa: E402
from memramp.models.torch_lstm import FLOAT, Driver, SequenceRules, Workspace, lstm_sequence  # noqa: E402
from memramp.models.torch_network import network_of  # noqa: E402
from memramp.models.torch_slopes import Blur  # noqa: E402
from memramp.models.training_draw import draw_hardware  # noqa: E402
from memramp.peripherals import ActivationConfig, InputConfig  # noqa: E402
from memramp.peripherals.circuit import CircuitConfig, ComparatorConfig  # noqa: E402
from memramp.streams import Streams  # noqa: E402

STEPS, BATCH, INPUTS, HIDDEN = 9, 7, 5, 21
ROUNDING = 2.0**-8  # of bfloat16, relative
DIGITAL = FastRules().curves
MADE = {"gates": np.float32, "slopes": np.uint16, "c": np.float32, "tanhs": np.float32, "m": np.uint16}


def halves(array):
    return torch.from_numpy(np.asarray(array, np.float32)).bfloat16().view(torch.uint16).numpy()


def widened(array):
    return torch.from_numpy(array).view(torch.bfloat16).double().numpy()


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def step(seed, spread=2.0):
    """Return what a forward step takes and what it fills, by name."""
    rng = np.random.default_rng(seed)
    given = {
        "sums": halves(spread * rng.normal(size=(BATCH, 4 * HIDDEN))),
        "bias": rng.normal(size=4 * HIDDEN).astype(np.float32),
        "before": rng.normal(size=(BATCH, HIDDEN)).astype(np.float32),
        "curves": DIGITAL,
    }
    wide, narrow = (BATCH, 4 * HIDDEN), (BATCH, HIDDEN)
    made = {name: np.empty(wide if name in ("gates", "slopes") else narrow, kind) for name, kind in MADE.items()}
    return given | made


def in_double_precision(given):
    """Return gates, their slopes, c and tanh(c) of digital gates."""
    i, f, g, o = np.split(widened(given["sums"]) + given["bias"], 4, axis=1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * given["before"] + i * g
    slopes = [i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o)]
    return {"gates": np.concatenate([i, f, g, o], axis=1), "slopes": np.concatenate(slopes, axis=1), "c": c,
            "tanhs": np.tanh(c)}  # fmt: skip


@pytest.mark.parametrize("spread", [2.0, 60.0], ids=["usual", "saturated"])
def test_a_forward_step_is_that_of_double_precision(spread):
    given = step(0, spread)
    kernels.forward_step(*given.values())
    wanted = in_double_precision(given)
    for name in ("gates", "c", "tanhs"):
        np.testing.assert_allclose(given[name], wanted[name], rtol=3e-7, atol=6e-7, err_msg=name)
    np.testing.assert_allclose(widened(given["slopes"]), wanted["slopes"], rtol=ROUNDING, atol=1e-6)


def test_pre_activations_that_are_infinite_saturate():
    given = step(1)
    given["sums"][:] = halves(np.full((BATCH, 4 * HIDDEN), np.inf))
    given["sums"][::2] = halves(np.full((1, 4 * HIDDEN), -np.inf))
    kernels.forward_step(*given.values())
    gates = given["gates"].reshape(BATCH, 4, HIDDEN)
    np.testing.assert_allclose(gates[1::2], 1.0, atol=1e-7)
    np.testing.assert_allclose(gates[::2, [0, 1, 3]], 0.0, atol=1e-7)
    np.testing.assert_allclose(gates[::2, 2], -1.0, atol=1e-7)
    np.testing.assert_allclose(widened(given["slopes"]), 0.0, atol=1e-6)


def test_rounding_is_to_the_nearest_and_ties_go_to_even():
    given = step(2)
    kernels.forward_step(*given.values())
    exact = torch.from_numpy(given["gates"][:, 3 * HIDDEN :] * given["tanhs"])
    np.testing.assert_array_equal(given["m"], exact.bfloat16().view(torch.uint16).numpy())


@pytest.mark.parametrize("bits", [1, 3, 5, 8, 9])
def test_converters_give_the_outputs_of_their_counts(bits):
    given, digital, rng = step(3), step(3), np.random.default_rng(5)
    drawn = [(np.sort(2.0 * rng.normal(size=(1, 2**bits - 1))), rng.normal(size=2**bits)) for _ in range(3)]
    curves = [tuple(part.astype(np.float32) for part in curve) for curve in drawn]
    given["curves"] = (*curves[:2], DIGITAL[0], curves[2])
    for each in (given, digital):
        kernels.forward_step(*each.values())
    pre = (widened(given["sums"]).astype(np.float32) + given["bias"]).reshape(BATCH, 4, HIDDEN)
    gates = given["gates"].reshape(BATCH, 4, HIDDEN)
    for k, (thresholds, outputs) in zip((0, 1, 3), curves, strict=True):
        codes = np.searchsorted(thresholds[0], pre[:, k], side="right")
        np.testing.assert_array_equal(gates[:, k], outputs[codes])
    np.testing.assert_array_equal(gates[:, 2], digital["gates"].reshape(BATCH, 4, HIDDEN)[:, 2])
    np.testing.assert_array_equal(given["slopes"], digital["slopes"])  # those of the smooth functions
    c = gates[:, 1] * given["before"] + gates[:, 0] * gates[:, 2]
    np.testing.assert_allclose(given["c"], c, rtol=3e-7, atol=6e-7)


def test_a_backward_step_is_the_gradient_of_the_forward_step():
    given = step(3)
    kernels.forward_step(*given.values())
    rng = np.random.default_rng(4)
    d_m, d_c = halves(rng.normal(size=(BATCH, HIDDEN))), rng.normal(size=(BATCH, HIDDEN)).astype(np.float32)
    pre = torch.from_numpy(widened(given["sums"]) + given["bias"]).requires_grad_()
    old = torch.from_numpy(given["before"]).double().requires_grad_()
    i, f, g, o = pre.chunk(4, dim=1)
    new = f.sigmoid() * old + i.sigmoid() * g.tanh()
    m = o.sigmoid() * new.tanh()
    pulls = (torch.from_numpy(widened(d_m)), torch.from_numpy(d_c).double())
    wanted = torch.autograd.grad((m, new), (pre, old), pulls)
    d_pre = np.empty((BATCH, 4 * HIDDEN), np.uint16)
    kernels.backward_step(d_m, *(given[name] for name in ("gates", "slopes", "before", "tanhs")), d_c, d_pre)
    np.testing.assert_allclose(widened(d_pre), wanted[0], rtol=2 * ROUNDING, atol=1e-6)
    np.testing.assert_allclose(d_c, wanted[1], rtol=1e-5, atol=1e-6)


def tensors(projection, seed=0):
    generator = torch.Generator().manual_seed(seed)
    state = projection or HIDDEN

    def drawn(*shape):
        return torch.randn(*shape, generator=generator) * 0.3

    weights = [drawn(INPUTS, 4 * HIDDEN), drawn(state, 4 * HIDDEN), drawn(4 * HIDDEN)]
    weights += [] if projection is None else [drawn(HIDDEN, projection)]
    return [drawn(STEPS, BATCH, INPUTS), drawn(BATCH, state), drawn(BATCH, HIDDEN), *weights]


def gradients(run, given, projection):
    """Return outputs and gradients of all that a sequence takes."""
    given = [tensor.clone().requires_grad_() for tensor in given]
    x, h, c, weight_x, weight_h, bias = given[:6]
    states, (last, cells) = run(x, (h, c), (weight_x, weight_h, bias), given[6] if projection else None)
    pull = torch.randn(states.shape, generator=torch.Generator().manual_seed(9))
    found = torch.autograd.grad((states * pull).sum() + last.sum() + (cells * cells).sum(), given)
    return [states, last, cells, *found]


def general(driver=None, unit=1.0):
    """Return the reference."""
    units = (torch.tensor(unit), None)
    return lambda *args: lstm_sequence(*args, units, SequenceRules(FLOAT, driver))


def fast(driver=None, unit=1.0, workspace=None):
    rules = FastRules(driver=driver, unit=unit, workspace=workspace or Workspace())
    return lambda *args: fast_lstm_sequence(*args, rules)


@pytest.mark.parametrize("projection", [None, 6])
@pytest.mark.parametrize(("driver", "unit"), [(None, 1.0), (Driver(reach=0.3), 0.8)], ids=["float", "driven"])
def test_outputs_and_gradients_are_those_of_the_general_sequence(projection, driver, unit):
    given = tensors(projection)
    wanted, found = (gradients(way(driver, unit), given, projection) for way in (general, fast))
    assert len(wanted) == len(found) == 9 + (projection is not None)
    for one, other in zip(wanted, found, strict=True):
        assert one.shape == other.shape
        # A step rounds four factors; errors of steps add up as independent ones do. A few states change sides at the
        # driver's limit.
        limit = 4 if driver is None else 16
        assert float((one - other).detach().norm()) < limit * ROUNDING * float(one.detach().norm())


def test_a_workspace_serves_one_sequence_after_the_other():
    workspace = Workspace()
    for seed in (0, 1):
        given = tensors(6, seed)
        for one, other in zip(*(gradients(fast(workspace=w), given, 6) for w in (None, workspace)), strict=True):
            assert torch.equal(one, other)


def test_threads_change_no_bit_of_what_kernels_do(monkeypatch):
    given, found = tensors(6), []
    for threads in (1, 2):
        monkeypatch.setattr(numba, "get_num_threads", lambda threads=threads: threads)
        found.append(gradients(fast(), given, 6))
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


PLAIN = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=5.0))
READ = PLAIN.model_copy(update={"read_noise": ConstantNoise(sigma=3.5)})
KNOWN = {
    "converters": HardwareConfig(device=PLAIN),
    "linear converters": HardwareConfig(device=PLAIN, activation=ActivationConfig(kind="uniform_adc", bits=6)),
    "coarse drivers": HardwareConfig(device=PLAIN, input=InputConfig(bits=5)),
    "digital gates": HardwareConfig(device=PLAIN, gates={gate: GateConfig(kind="digital") for gate in "ifgo"}),
    "a gate of other bits": HardwareConfig(device=PLAIN, gates={"o": GateConfig(bits=7)}),
}
UNKNOWN = {
    "read noise": HardwareConfig(device=READ),
    "tanh of the cell state": HardwareConfig(device=PLAIN, tanh_c="nladc"),
    "a register": HardwareConfig(device=PLAIN, state=StateConfig(range=3.0, bits=8)),
    "another function": HardwareConfig(device=PLAIN, gates={"g": GateConfig(function="softsign")}),
    "an analog projection": HardwareConfig(device=PLAIN, projection="analog"),
    "offsets": HardwareConfig(device=PLAIN, circuit=CircuitConfig(comparator=ComparatorConfig(offset_std=2e-3))),
}


def network(low_precision=True):
    checkpoint = random_network("lstm with a projection")
    return checkpoint, network_of(checkpoint, low_precision=low_precision)


def spied(monkeypatch):
    """Return a list that grows with each sequence that goes the fast way."""
    calls = []
    monkeypatch.setattr(torch_network, "fast_lstm_sequence", lambda *args: calls.append(1) or fast_lstm_sequence(*args))
    return calls


@pytest.mark.parametrize("name", [*KNOWN, *UNKNOWN])
def test_the_fast_way_is_taken_where_it_knows_all_of_the_hardware(name, monkeypatch):
    checkpoint, trainable = network()
    calls, hardware = spied(monkeypatch), (KNOWN | UNKNOWN)[name]
    trainable(torch.zeros(2, 3, 6), draw_hardware(checkpoint, hardware, Streams(1)), generator=torch.Generator())
    assert len(calls) == (name in KNOWN)


@pytest.mark.parametrize("way", [{"blur": Blur(None)}, {"exact": True}], ids=["blurred", "exact"])
def test_other_slopes_and_exact_draws_go_the_general_way(way, monkeypatch):
    checkpoint, trainable = network()
    calls = spied(monkeypatch)
    trainable(torch.zeros(2, 3, 6), draw_hardware(checkpoint, KNOWN["converters"], Streams(1), **way))
    assert not calls


@pytest.mark.parametrize("name", KNOWN)
def test_a_network_through_hardware_is_that_of_the_general_way(name, monkeypatch):
    checkpoint, quick = network()
    _, usual = network(low_precision=False)
    draw = draw_hardware(checkpoint, KNOWN[name], Streams(1))
    x = torch.rand(64, 12, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    calls, found = spied(monkeypatch), []
    for each in (quick, usual):
        scores = each(x, draw)
        pull = torch.randn(scores.shape, generator=torch.Generator().manual_seed(1))
        (scores * pull).sum().backward()
        found.append([scores.detach(), *(p.grad for p in each.parameters() if p.grad is not None)])
    assert len(calls) == 1
    assert len(found[0]) == len(found[1]) == 7
    for one, other in zip(*found, strict=True):
        # Rounding carries one value in some hundred across a threshold, by a step of a converter.
        assert float((one - other).norm()) < 0.1 * float(other.norm())
