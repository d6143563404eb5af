"""Every kind of network: floating point against PyTorch, the analog twin against the training graph and itself."""

import numpy as np
import pytest
from networks import IDEAL, NETWORKS, NOISY, random_features, random_network

from memramp.config import validate
from memramp.errors import InputError
from memramp.models.analog_network import program_network
from memramp.models.gates import GateConfig, StateConfig
from memramp.models.hardware import HardwareConfig, LinearAdcConfig
from memramp.models.spec import NetworkSpec, stacked_spec
from memramp.peripherals import ActivationConfig, InputConfig
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.environment import EnvironmentConfig
from memramp.streams import Streams

FINE = ActivationConfig(bits=12)  # quantises to some 1e-3 of a gate


def features(n=5, steps=7):
    return np.tanh(random_features(n, steps))


def torch_of(checkpoint):
    """PyTorch's own layers with a checkpoint's weights."""
    torch = pytest.importorskip("torch", reason="needs memramp[train]")
    modules = []
    for layer in checkpoint.network.recurrent:
        kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
        extra = {"nonlinearity": layer.nonlinearity} if layer.kind == "rnn" else {}
        extra |= {"proj_size": layer.projection} if layer.projection else {}
        module = kinds[layer.kind](
            layer.inputs, layer.hidden, batch_first=True, bidirectional=layer.bidirectional, **extra
        ).double()
        for name, suffix in zip(layer.directions, ("", "_reverse"), strict=False):
            weights, hidden = checkpoint.cells[name], layer.hidden
            inner = np.zeros_like(weights.bias)
            if weights.bias_h is not None:
                inner[2 * hidden :] = weights.bias_h
            given = {"ih": weights.weight_x.T, "hh": weights.weight_h.T}
            values = {f"weight_{key}_l0{suffix}": value for key, value in given.items()}
            values |= {f"bias_ih_l0{suffix}": weights.bias, f"bias_hh_l0{suffix}": inner}
            if weights.projection is not None:
                values[f"weight_hr_l0{suffix}"] = weights.projection.T
            with torch.no_grad():
                for key, value in values.items():
                    getattr(module, key).copy_(torch.from_numpy(np.ascontiguousarray(value)))
        modules.append(module)
    return torch, modules


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "gru with the reset before"])
def test_floating_point_equals_torch(name):
    checkpoint, x = random_network(name), features()
    torch, modules = torch_of(checkpoint)
    out = torch.from_numpy(x).double()
    with torch.no_grad():
        for module in modules:
            out, state = module(out)
    h = state[0] if isinstance(state, tuple) else state
    read = out if checkpoint.network.read == "all" else torch.cat(list(h), dim=1)
    expected = read.numpy() @ checkpoint.dense.weight + checkpoint.dense.bias
    np.testing.assert_allclose(checkpoint.float_logits(x), expected, rtol=0.0, atol=1e-12)


def test_a_gru_whose_reset_gate_acts_before_follows_its_definition():
    # Cho et al. 2014, written out: n = tanh(W x + U (r * h) + b), h' = z h + (1 - z) n
    checkpoint, x = random_network("gru with the reset before"), features(1, 2)
    weights = checkpoint.cells["gru"]
    h = np.zeros(8)
    for t in range(2):
        given = x[0, t].astype(float) @ weights.weight_x + weights.bias
        r = 1 / (1 + np.exp(-(given[:8] + h @ weights.weight_h[:, :8])))
        z = 1 / (1 + np.exp(-(given[8:16] + h @ weights.weight_h[:, 8:16])))
        n = np.tanh(given[16:] + (r * h) @ weights.weight_h[:, 16:])
        h = z * h + (1 - z) * n
    np.testing.assert_allclose(checkpoint.float_states(x)[0], h, rtol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("units", [{}, {"range_x": 1.5, "range_h": 1.2}], ids=["plain", "with units"])
def test_the_analog_twin_comes_close_to_floating_point_with_fine_converters(name, units):
    checkpoint = random_network(name, **units)
    fine = LinearAdcConfig(bits=12)
    hardware = HardwareConfig(device=IDEAL, activation=FINE, linear_adc=fine, tanh_c="nladc", projection="analog")
    x = features(20)
    if name == "rnn with relu":  # its states have no bound; those beyond a full pulse would be clipped
        x = x / 8.0
        assert np.abs(checkpoint.float_states(x)).max() < 1.0
    states = program_network(checkpoint, hardware, Streams(0)).logits(x)
    np.testing.assert_allclose(states, checkpoint.float_logits(x), atol=0.02)


HARDWARE = {
    "ideal": HardwareConfig(device=IDEAL),
    "driven in steps, analog projection": HardwareConfig(
        device=IDEAL, input=InputConfig(bits=5), projection="analog", readout="analog"
    ),
    "all gates apart": HardwareConfig(
        device=IDEAL,
        tanh_c="nladc",
        gates={
            "f": GateConfig(bits=4),
            "g": GateConfig(function="softsign"),
            "o": GateConfig(kind="uniform_adc", range=4.0),
            "i": GateConfig(kind="digital"),
            "c": GateConfig(bits=6),
            "r": GateConfig(bits=3),
            "n": GateConfig(bits=6),
            "h": GateConfig(levels="paper"),
        },
        state=StateConfig(bits=8, range=4.0),
    ),
}
for key in ("ideal", "all gates apart"):
    written = NOISY.model_copy(update={"read_noise": IDEAL.read_noise})
    HARDWARE[f"{key}, noisy"] = HARDWARE[key].model_copy(update={"device": written})


def fitting(hardware, checkpoint):
    """The gates of the hardware that the network has."""
    kinds = {layer.kind for layer in checkpoint.network.recurrent}
    known = {gate for kind in kinds for gate in {"lstm": "ifgoc", "gru": "rzn", "rnn": "h"}[kind]}
    if checkpoint.network.recurrent[0].reset == "after":
        known -= {"n"}
    return hardware.model_copy(update={"gates": {g: c for g, c in hardware.gates.items() if g in known}})


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", HARDWARE)
def test_the_training_graph_gives_the_simulators_outputs(name, kind):
    torch = pytest.importorskip("torch", reason="needs memramp[train]")
    from memramp.models.torch_network import network_of
    from memramp.models.training_draw import draw_hardware

    checkpoint = random_network(name, range_x=1.2, range_h=1.1)
    hardware, x = fitting(HARDWARE[kind], checkpoint), features(64)
    chip = program_network(checkpoint, hardware, Streams(3))
    with torch.no_grad():
        graph = network_of(checkpoint)(torch.from_numpy(x), draw_hardware(checkpoint, hardware, Streams(3))).numpy()
    simulator = chip.logits(x) / chip.readout_factor
    # Sums in another order differ by some 1e-7, which carries a value across a threshold in one of 64 sequences.
    wrong = (np.abs(graph - simulator) > 1e-5).any(axis=tuple(range(1, graph.ndim)))
    assert wrong.sum() <= 1


@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_in_parts_and_a_sequence_in_parts_give_the_same_bits(name):
    checkpoint = random_network(name)
    hardware = HardwareConfig(device=NOISY, projection="analog", tanh_c="nladc")
    chip, x = program_network(checkpoint, hardware, Streams(0)), features(9)
    whole = chip.logits(x)
    np.testing.assert_array_equal(np.concatenate([chip.logits(x[:4]), chip.logits(x[4:], first_sample=4)]), whole)
    for cell in chip.cells.values():
        inputs = np.tanh(np.random.default_rng(1).normal(size=(3, 6, cell.layer.inputs))).astype(np.float32)
        state, again = cell.zeros(3), cell.zeros(3)
        once = cell.sequence(inputs, state)
        parts = [cell.sequence(inputs[:, k : k + 2], again, first_step=k) for k in (0, 2, 4)]
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), once)
        np.testing.assert_array_equal(again.c, state.c)
        np.testing.assert_array_equal(cell.run(inputs, record=True), once)


def test_columns_shared_out_over_threads_give_the_same_bits():
    # Few samples on a wide array: panels are shared out; one sample at a time must give what the batch gives.
    spec = stacked_spec("lstm", 20, (600,), 4, projection=30)
    rng = np.random.default_rng(0)
    from memramp.models.checkpoint import Checkpoint

    tensors = {key: rng.normal(0.0, 0.2, shape).astype(np.float32) for key, shape in spec.shapes().items()}
    chip = program_network(Checkpoint(tensors, tuple("abcd"), spec=spec), HardwareConfig(device=NOISY), Streams(0))
    x = np.tanh(rng.normal(size=(16, 3, 20))).astype(np.float32)
    whole = chip.logits(x)
    single = [chip.logits(x[n : n + 1], first_sample=n) for n in range(16)]
    np.testing.assert_array_equal(np.concatenate(single), whole)


def test_a_gate_that_the_network_does_not_have_is_told():
    hardware = HardwareConfig(device=IDEAL, gates={"r": GateConfig(bits=3)})
    with pytest.raises(InputError, match="no gate 'r', it has c, f, g, i, o"):
        program_network(random_network("lstm"), hardware, Streams(0))


def test_layers_that_do_not_fit_each_other_are_told():
    plain = stacked_spec("lstm", 6, (8,), 4).model_dump()
    plain["layers"][1]["inputs"] = 9
    with pytest.raises(InputError, match="layer 'dense' takes 9 inputs, but 'lstm' gives 8"):
        validate(NetworkSpec, plain, "here")


def test_the_register_clips_and_rounds():
    kept = StateConfig(bits=3, range=1.5).kept(np.array([-9.0, -0.6, 0.2, 0.3, 9.0], np.float32))
    np.testing.assert_allclose(kept, [-1.5, -0.5, 0.0, 0.5, 1.5])


@pytest.mark.parametrize("gate", ["i", "f", "o", "g"])
def test_functions_of_sums_joined_in_digital_are_those_that_were_asked_for(gate):
    tiles = HARDWARE["ideal"].crossbar.model_copy(
        update={"tile": HARDWARE["ideal"].crossbar.tile.model_copy(update={"rows": 6, "tall": "digital"})}
    )
    gates = {"i": "hard_sigmoid", "f": "hard_sigmoid", "o": "hard_sigmoid"} if gate != "g" else {"g": "softsign"}
    asked = {name: GateConfig(function=function) for name, function in gates.items()}
    hardware = HARDWARE["ideal"].model_copy(update={"crossbar": tiles, "gates": asked})
    cell, x = program_network(random_network("lstm"), hardware, Streams(0)).layer, features(4)
    np.testing.assert_array_equal(cell.run(x, record=True), cell.stepwise(x))
    usual = hardware.model_copy(update={"gates": {}})
    assert np.abs(program_network(random_network("lstm"), usual, Streams(0)).layer.run(x) - cell.run(x)).max() > 0.01


def test_the_candidate_of_a_gru_has_a_converter_of_its_own():
    hardware = HARDWARE["ideal"].model_copy(update={"gates": {"n": GateConfig(function="sigmoid")}})
    cell = program_network(random_network("gru with the reset before"), hardware, Streams(0)).layer
    assert {group.name: group.gates for group in cell.groups} == {"sigmoid": ("r", "z"), "sigmoid_n": ("n",)}


@pytest.mark.parametrize("name", ["gru", "lstm with a projection"])
def test_circuits_are_not_mixed_with_ideal_linear_converters(name):
    circuit = CircuitConfig.model_validate({"comparator": {"noise": "5 mV"}})
    hardware = HardwareConfig(device=IDEAL, circuit=circuit, projection="analog")
    with pytest.raises(InputError, match="linear ADCs"):
        program_network(random_network(name), hardware, Streams(0))


@pytest.mark.parametrize("name", ["dense", "sigmoid", "candidate_x", "tanh_g"])
def test_names_that_something_else_on_a_chip_has_are_refused(name):
    plain = stacked_spec("lstm", 6, (8,), 4).model_dump()
    plain["layers"][0]["name"] = name
    plain["layers"][1]["name"] = "out"
    with pytest.raises(InputError, match="names something else"):
        validate(NetworkSpec, plain, "here")


def test_digital_gates_and_an_analog_readout_follow_the_read_voltage():
    around = EnvironmentConfig(v_read=0.1, acts_on="weights")
    kinds = {gate: GateConfig(kind="digital") for gate in "ifgo"}
    for changed in ({"gates": kinds}, {"readout": "analog"}):
        nominal = HardwareConfig(device=IDEAL, **changed)
        lower = nominal.model_copy(update={"environment": around})
        one, other = (program_network(random_network("lstm"), each, Streams(0)) for each in (nominal, lower))
        if "readout" in changed:
            np.testing.assert_allclose(other.readout.w_eff, 0.5 * one.readout.w_eff, rtol=1e-5)
        else:
            assert np.abs(one.logits(features()) - other.logits(features())).max() > 0.05


def test_the_gradient_stops_at_the_registers_limit():
    torch = pytest.importorskip("torch", reason="needs memramp[train]")
    from memramp.models.torch_network import network_of
    from memramp.models.training_draw import draw_hardware

    gates = {gate: GateConfig(kind="digital") for gate in "ifgo"}  # differentiable everywhere
    hardware = HardwareConfig(device=IDEAL, gates=gates, state=StateConfig(range=0.15))
    checkpoint, x = random_network("lstm"), torch.from_numpy(features(3, 4))
    network, draw = network_of(checkpoint), draw_hardware(checkpoint, hardware, Streams(0))
    network(x, draw).square().sum().backward()
    bias = network.tensor("lstm.bias")
    found, step = bias.grad.clone(), 1e-3

    def loss(shift):
        moved = draw.cells["lstm"].arrays["gates"].weights.clone()
        moved[-1] += shift
        draw.cells["lstm"].arrays["gates"].weights.copy_(moved)
        with torch.no_grad():
            value = float(network(x, draw).double().square().sum())
        draw.cells["lstm"].arrays["gates"].weights[-1] -= shift
        return value

    numeric = []
    for column in range(32):
        shift = torch.zeros(32)
        shift[column] = step
        numeric.append((loss(shift) - loss(-shift)) / (2 * step))
    np.testing.assert_allclose(found.numpy(), numeric, atol=2e-3)  # single precision, and kinks within a step
