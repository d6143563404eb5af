"""The training graph against the simulator, code by code."""

from collections import defaultdict

import numpy as np
import pytest
from networks import IDEAL, NETWORKS, NOISY, random_features, random_network

torch = pytest.importorskip("torch", reason="needs memramp[train]")

from memramp.elementary import sigmoid, tanh  # noqa: E402
from memramp.models import kernels  # noqa: E402
from memramp.models.analog_cell import AnalogCell  # noqa: E402
from memramp.models.analog_network import program_network  # noqa: E402
from memramp.models.gates import GateConfig, StateConfig  # noqa: E402
from memramp.models.hardware import HardwareConfig, LinearAdcConfig  # noqa: E402
from memramp.models.spec import GATES  # noqa: E402
from memramp.models.torch_exact import function_values  # noqa: E402
from memramp.models.torch_gate import GateDraw  # noqa: E402
from memramp.models.torch_network import network_of  # noqa: E402
from memramp.models.training_draw import draw_hardware  # noqa: E402
from memramp.peripherals import ActivationConfig, InputConfig  # noqa: E402
from memramp.streams import Streams  # noqa: E402

LINEAR = ("candidate_x", "candidate_h", "projection")
WRITTEN = NOISY.model_copy(update={"read_noise": IDEAL.read_noise})
FINE = {"activation": ActivationConfig(bits=12), "linear_adc": LinearAdcConfig(bits=12)}  # thresholds lie close

HARDWARE = {
    "ideal": HardwareConfig(device=IDEAL),
    "fine": HardwareConfig(device=IDEAL, tanh_c="nladc", projection="analog", **FINE),
    "noisy, driven in steps": HardwareConfig(
        device=WRITTEN, tanh_c="nladc", projection="analog", readout="analog", input=InputConfig(bits=5)
    ),
    "all gates apart": HardwareConfig(
        device=WRITTEN,
        tanh_c="nladc",
        gates={
            "i": GateConfig(kind="digital"),
            "f": GateConfig(bits=4),
            "g": GateConfig(function="softsign"),
            "o": GateConfig(kind="uniform_adc", range=4.0),
            "c": GateConfig(bits=6),
            "r": GateConfig(bits=3),
            "z": GateConfig(kind="digital"),
            "n": GateConfig(bits=6),
            "h": GateConfig(levels="paper"),
        },
        state=StateConfig(bits=8, range=4.0),
    ),
}


class Record:
    """What converters saw and said, by direction and gate, a list over steps of (pre-activations, codes)."""

    def __init__(self):
        self.seen = defaultdict(list)
        self.thresholds = {}

    def add(self, direction, gates, pre, codes, thresholds):
        for gate, values, found in zip(
            gates, np.split(pre, len(gates), axis=1), np.split(codes, len(gates), axis=1), strict=True
        ):
            self.seen[direction, gate].append((values.copy(), found.copy()))
            self.thresholds[direction, gate] = thresholds


def of_the_simulator(chip, x, patch):
    record, names = Record(), {id(cell): name for name, cell in chip.cells.items()}
    values, linear = AnalogCell._values, AnalogCell._linear

    def watch_values(cell, group, pre, at, purpose, column):
        if group.activation is not None:
            asked = ["c"] if purpose == kernels.STATE else [gate for gate in group.gates if gate != "c"]
            converter = cell.converters[group.name]
            codes = converter.convert(pre, 0, at.sample, at.step, purpose=purpose, first_column=column)
            record.add(names[id(cell)], asked, pre, codes, converter.thresholds)
        return values(cell, group, pre, at, purpose, column)

    def watch_linear(cell, name, sums, at):
        converter = cell.converters[name]
        record.add(names[id(cell)], [name], sums, converter.convert(sums), converter.thresholds)
        return linear(cell, name, sums, at)

    patch.setattr(AnalogCell, "_values", watch_values)
    patch.setattr(AnalogCell, "_linear", watch_linear)
    patch.setattr(AnalogCell, "compiled", False)  # step by step, the same bits
    return record, chip.logits(x) / chip.readout_factor


def of_the_graph(checkpoint, draw, x, patch):
    record, fill, names = Record(), GateDraw.fill, {}
    for layer, direction in checkpoint.network.directions():
        cell = draw.cells[direction]
        for gate in cell.gates:
            first = gate.columns.start // layer.hidden
            letters = GATES[layer.kind][first : gate.columns.stop // layer.hidden]
            if layer.kind == "gru" and gate is cell.gates[-1] and layer.reset == "before":
                letters = ("n",)
            names[id(gate)] = direction, letters
        names[id(cell.state)] = direction, ("c",)
        names |= {id(gate): (direction, (name,)) for name, gate in cell.linear.items()}

    def watch(gate, pre, held, generator):
        if gate.stairs is not None:
            direction, letters = names[id(gate)]
            thresholds = gate.stairs.thresholds.numpy()
            record.add(direction, letters, pre.numpy(), gate.stairs.codes(pre).numpy(), thresholds)
        fill(gate, pre, held, generator)

    patch.setattr(GateDraw, "fill", watch)
    with torch.no_grad():
        return record, network_of(checkpoint)(torch.from_numpy(x), draw).numpy()


def case(name, kind):
    checkpoint = random_network(name, range_x=1.2, range_h=1.1, clip=1.5)
    known = {"lstm": "ifgoc", "gru": "rzn", "rnn": "h"}[checkpoint.network.recurrent[0].kind]
    if checkpoint.network.recurrent[0].reset == "after":
        known = known.replace("n", "")
    hardware = HARDWARE[kind]
    gates = {gate: config for gate, config in hardware.gates.items() if gate in known}
    return checkpoint, hardware.model_copy(update={"gates": gates})


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", HARDWARE)
def test_every_code_of_the_exact_graph_is_the_simulators(name, kind, monkeypatch):
    checkpoint, hardware = case(name, kind)
    x, streams = np.tanh(random_features(17)), Streams(3)
    draw = draw_hardware(checkpoint, hardware, streams, exact=True)
    graph, scores = of_the_graph(checkpoint, draw, x, monkeypatch)
    simulator, expected = of_the_simulator(program_network(checkpoint, hardware, streams), x, monkeypatch)
    assert graph.seen.keys() == simulator.seen.keys()
    for key, steps in simulator.seen.items():
        assert len(graph.seen[key]) == len(steps) == x.shape[1]
        for (pre, codes), (ours, found) in zip(steps, graph.seen[key], strict=True):
            np.testing.assert_array_equal(ours, pre, err_msg=f"{key}")
            np.testing.assert_array_equal(found, codes, err_msg=f"{key}")
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5)


def flips(checkpoint, simulator, graph, samples):
    """Return how often the codes differ in samples that were alike before, and how far from a threshold that was."""
    distances, spoiled = [], np.zeros(samples, bool)
    for layer in checkpoint.network.recurrent:
        before = spoiled.copy()
        for direction in layer.directions:
            bad = before.copy()
            keys = [key for key in simulator.seen if key[0] == direction]
            for t in range(len(simulator.seen[keys[0]])):
                for key in sorted(keys, key=lambda key: key[1] in ("c", "n", "projection")):  # made of the others
                    (pre, codes), (_, found) = simulator.seen[key][t], graph.seen[key][t]
                    differs = (codes != found) & ~bad[:, np.newaxis]
                    away = np.abs(pre[differs][:, np.newaxis] - simulator.thresholds[key]).min(axis=1)
                    distances += list(away)
                    spoiled |= differs.any(axis=1)
                    # The others of this step are not made of this one, but what comes after is.
                    late = differs.any(axis=1)
                    bad |= late
        spoiled |= before
    return np.array(distances)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["fine", "noisy, driven in steps"])
def test_codes_of_the_usual_graph_differ_next_to_thresholds_alone(name, kind, monkeypatch):
    checkpoint, hardware = case(name, kind)
    x, streams = np.tanh(random_features(100)), Streams(3)
    graph, scores = of_the_graph(checkpoint, draw_hardware(checkpoint, hardware, streams), x, monkeypatch)
    simulator, expected = of_the_simulator(program_network(checkpoint, hardware, streams), x, monkeypatch)
    distances = flips(checkpoint, simulator, graph, len(x))
    assert (distances <= 1e-5).all()
    assert len(distances) < 0.3 * len(x)
    alike = np.ones(len(x), bool)
    for key, steps in simulator.seen.items():
        for (_, codes), (_, found) in zip(steps, graph.seen[key], strict=True):
            alike &= (codes == found).all(axis=1)
    np.testing.assert_allclose(scores[alike], expected[alike], rtol=0, atol=1e-5)
    assert alike.sum() > 0.5 * len(x)


def test_codes_of_the_usual_graph_do_differ_where_thresholds_lie_close(monkeypatch):
    # Else the test above would say nothing, and the exact mode would not be needed.
    checkpoint, hardware = case("lstm", "fine")
    x, streams = np.tanh(random_features(2000)), Streams(3)
    graph, _ = of_the_graph(checkpoint, draw_hardware(checkpoint, hardware, streams), x, monkeypatch)
    simulator, _ = of_the_simulator(program_network(checkpoint, hardware, streams), x, monkeypatch)
    assert len(flips(checkpoint, simulator, graph, len(x))) > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_the_exact_graph_are_those_of_the_usual_one(name):
    checkpoint, hardware = case(name, "ideal")
    gradients = []
    for exact in (False, True):
        network = network_of(checkpoint)
        draw = draw_hardware(checkpoint, hardware, Streams(0), exact=exact)
        network(torch.from_numpy(np.tanh(random_features(16))), draw).square().sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for _, p in network.named_tensors()]))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-3)


def test_functions_have_the_simulators_bits():
    v = torch.randn(100, generator=torch.Generator().manual_seed(0))
    for name, exact in (("sigmoid", sigmoid), ("tanh", tanh)):
        np.testing.assert_array_equal(function_values(name, v).numpy(), exact(v.numpy()))
