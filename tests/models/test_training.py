from dataclasses import replace

import numpy as np
import pytest
from networks import HARDWARE, WHITE, random_checkpoint, random_features
from networks import NOISY as NOISY_DEVICE

torch = pytest.importorskip("torch", reason="needs memramp[train]")

from memramp.devices.iv import LinearCurve  # noqa: E402
from memramp.errors import InputError  # noqa: E402
from memramp.models import torch_gate  # noqa: E402
from memramp.models.analog_network import accuracy, program_network  # noqa: E402
from memramp.models.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from memramp.models.keyword_set import KeywordSet  # noqa: E402
from memramp.models.keyword_training import KeywordTraining  # noqa: E402
from memramp.models.torch_network import network_of  # noqa: E402
from memramp.models.training import STATE_FILE, Trainer  # noqa: E402
from memramp.models.training_config import TrainingConfig  # noqa: E402
from memramp.models.training_data import TrainingData  # noqa: E402
from memramp.models.training_draw import draw_hardware  # noqa: E402
from memramp.peripherals.circuit import CircuitConfig  # noqa: E402
from memramp.peripherals.environment import EnvironmentConfig  # noqa: E402
from memramp.peripherals.input_driver import code_inputs  # noqa: E402
from memramp.streams import Streams  # noqa: E402

CLASSES = ("a", "b", "c", "d")
NOISY_READ = NOISY_DEVICE.model_copy(update={"prog_noise": HARDWARE["ideal"].device.prog_noise, "stuck_off_rate": 0.0})


def toy_data(n=256, seed=0):
    """Four classes, each a direction in feature space that grows towards the end of the sequence."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    rise = np.linspace(0, 1, 7)[np.newaxis, :, np.newaxis]
    features = (np.eye(4, 6)[labels][:, np.newaxis] * rise + rng.normal(0, 0.4, (n, 7, 6))).astype(np.float32)
    return features, labels


def data():
    features, labels = toy_data()
    chosen = KeywordSet(*toy_data(120, 1), CLASSES, "toy", "0" * 64)
    zeros, ones = np.zeros(6, np.float32), np.full(6, 2.0, np.float32)
    return TrainingData((features.astype(np.float16),), labels, zeros, ones, chosen, False, "toy")


def config(device=None, **training):
    settings = {"epochs": 6, "batch": 64, "warmup_steps": 0, "learning_rate": 0.03, "evaluate_every": 3, **training}
    return TrainingConfig.model_validate(
        {"memramp": 1, "name": "toy", "seed": 5, "model": {"hidden": 8}, "device": device, "training": settings}
    )


def trainer(settings, out):
    return Trainer(settings, KeywordTraining(settings, data()), out)


NOISY = {"preset": "yang2025_150us", "prog_noise": {"sigma": "5 uS"}, "stuck_off_rate": 0.01}


@pytest.mark.parametrize("device", [None, NOISY], ids=["float", "noisy"])
def test_training_learns_a_toy_task(device, tmp_path):
    checkpoint = trainer(config(device, epochs=15), tmp_path).run(lambda _: None)
    assert checkpoint.metrics["selection_accuracy"] > 80.0  # chance: 25
    assert load_checkpoint(str(tmp_path / "checkpoint.safetensors")).classes == CLASSES


@pytest.mark.parametrize("device", [None, NOISY], ids=["float", "noisy"])
def test_a_cut_training_goes_on_bit_for_bit(device, tmp_path):
    class CutError(Exception):
        pass

    def cut_after_two(progress):
        if progress.done == 2:
            raise CutError

    whole = trainer(config(device), tmp_path / "whole").run(lambda _: None)
    with pytest.raises(CutError):
        trainer(config(device), tmp_path / "cut").run(cut_after_two)
    resumed = trainer(config(device), tmp_path / "cut")
    assert resumed.state.round == 2
    checkpoint = resumed.run(lambda _: None)
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(checkpoint.tensors[name], tensor)
    assert [row["epoch"] for row in resumed.state.history] == [1, 2, 3, 4, 5, 6]


def test_state_of_another_configuration_is_refused_and_kept(tmp_path):
    trainer(config(epochs=1), tmp_path).run(lambda _: None)
    before = (tmp_path / STATE_FILE).read_bytes()
    with pytest.raises(InputError, match="another configuration"):
        trainer(config(epochs=2), tmp_path)
    assert (tmp_path / STATE_FILE).read_bytes() == before


def test_state_with_values_of_other_kinds_is_told(tmp_path):
    trainer(config(epochs=1), tmp_path).run(lambda _: None)
    path = tmp_path / STATE_FILE
    content = path.read_bytes()
    changed = content.replace(b'\\"round\\":1', b'\\"round\\":{}').replace(b'\\"round\\": 1', b'\\"round\\":{}')
    assert changed != content
    path.write_bytes(changed)
    with pytest.raises(InputError, match="damaged training state"):
        trainer(config(epochs=1), tmp_path)


def test_starting_from_a_network_for_other_features_is_told(tmp_path):
    save_checkpoint(replace(random_checkpoint(inputs=5), classes=CLASSES), tmp_path / "other.safetensors")
    settings = config()
    model = settings.model.model_copy(update={"init": str(tmp_path / "other.safetensors")})
    with pytest.raises(InputError, match="made for 5 features a step, the task has 6"):
        trainer(settings.model_copy(update={"model": model}), tmp_path)


def test_damaged_state_is_told(tmp_path):
    (tmp_path / STATE_FILE).write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00garbage!")
    with pytest.raises(InputError, match="damaged training state"):
        trainer(config(), tmp_path)


JOINED = [name for name, hardware in HARDWARE.items() if hardware.crossbar.tile.tall == "digital"]


@pytest.mark.parametrize("name", JOINED)
def test_sums_that_no_ramp_sees_are_not_trained(name):
    with pytest.raises(InputError, match="joined in digital"):
        draw_hardware(random_checkpoint(), HARDWARE[name], Streams(0))


def test_inputs_by_voltage_on_nonlinear_devices_are_not_trained():
    with pytest.raises(InputError, match="nonlinear I-V curve"):
        draw_hardware(random_checkpoint(), HARDWARE["inputs by voltage"], Streams(0))


@pytest.mark.parametrize("name", [name for name in HARDWARE if name not in JOINED])
def test_training_graph_with_ideal_devices_equals_the_simulator(name):
    checkpoint, hardware = random_checkpoint(), HARDWARE[name].ideal()
    streams = Streams(0)
    draw = draw_hardware(checkpoint, hardware, streams)
    features = random_features(64)
    with torch.no_grad():
        graph = network_of(checkpoint)(torch.from_numpy(checkpoint.normalise(features)), draw).numpy()
    simulator = program_network(checkpoint, hardware, streams).logits(features)
    if hardware.readout == "analog":  # the simulator's read-out array is scaled to fill the window
        simulator *= np.median(graph / simulator)
    # Sums in another order differ by some 1e-7, which may carry a value across a threshold in one of 64 sequences.
    wrong = (np.abs(graph - simulator) > 1e-5).any(axis=1)
    assert wrong.sum() <= 1


@pytest.mark.parametrize("tanh_c", ["digital", "nladc"])
def test_training_graph_knows_circuit_and_environment(tanh_c):
    circuit = {"comparator": {"offset_std": "8 mV", "delay": "0.3 ns"}, "counting": "count"}
    hardware = HARDWARE["ideal"].model_copy(
        update={"circuit": CircuitConfig.model_validate(circuit), "tanh_c": tanh_c,
                "environment": EnvironmentConfig(v_read=0.15, acts_on="weights")}
    )  # fmt: skip
    checkpoint, streams, features = random_checkpoint(), Streams(0), random_features(64)
    draw = draw_hardware(checkpoint, hardware, streams)
    with torch.no_grad():
        graph = network_of(checkpoint)(torch.from_numpy(checkpoint.normalise(features)), draw).numpy()
    simulator = program_network(checkpoint, hardware, streams).logits(features)
    wrong = (np.abs(graph - simulator) > 1e-5).any(axis=1)  # as above
    assert wrong.sum() <= 1
    ideal = program_network(checkpoint, hardware.ideal(), streams).logits(features)
    assert (np.abs(simulator - ideal) > 1e-3).any(axis=1).all()


def test_noise_of_the_comparators_reaches_the_training_graph():
    circuit = CircuitConfig.model_validate({"comparator": {"noise": "6 mV"}, "integrator": {"ktc_noise": True}})
    hardware = HARDWARE["ideal"].model_copy(update={"circuit": circuit, "tanh_c": "nladc"})
    checkpoint = random_checkpoint()
    draw = draw_hardware(checkpoint, hardware, Streams(0))
    assert draw.cells["lstm"].gates[0].errors.std == pytest.approx(np.hypot(6e-3, 32.2e-6) / 0.12, rel=1e-4)
    assert draw.cells["lstm"].state.errors == draw.cells["lstm"].gates[1].errors
    x = torch.from_numpy(checkpoint.normalise(random_features(16)))
    network = network_of(checkpoint)
    other, same, one = (network(x, draw, 0.0, torch.Generator().manual_seed(seed)) for seed in (2, 1, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    one.square().sum().backward()
    assert all((parameter.grad != 0).any() for _, parameter in network.named_tensors())


def test_draws_of_the_training_are_those_of_the_simulator():
    checkpoint = random_checkpoint()
    draw = draw_hardware(checkpoint, HARDWARE["noisy"], Streams(2).child("x"))
    chip = program_network(checkpoint, HARDWARE["noisy"], Streams(2).child("x"))
    np.testing.assert_array_equal(draw.cells["lstm"].arrays["gates"].weights.numpy(), chip.layer.array.w_eff)


@pytest.mark.statistics
@pytest.mark.parametrize(
    "hardware",
    [
        HARDWARE["noisy"],
        HARDWARE["noise that varies between pairs"],
        HARDWARE["inputs bit by bit"],
        HARDWARE["inputs by voltage"].model_copy(update={"device": WHITE.model_copy(update={"iv": LinearCurve()})}),
    ],
    ids=["noisy", "pairs", "bits", "voltage"],
)
def test_read_noise_of_the_training_graph_has_the_simulators_mean_and_variance(hardware):
    # One step from zero states, so that the gates' pre-activations can be compared before any converter acts.
    checkpoint, n, streams = random_checkpoint(), 4000, Streams(0)
    x = np.repeat(checkpoint.normalise(random_features(1, steps=1)), n, axis=0)
    draw = draw_hardware(checkpoint, hardware, streams)
    seen = []

    def watch(_gate, pre, values, _generator):
        seen.append(pre.detach().numpy().copy())
        values.zero_()

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(torch_gate.GateDraw, "fill", watch)
        network_of(checkpoint)(torch.from_numpy(x), draw, 0.0, torch.Generator().manual_seed(1))
    array = program_network(checkpoint, hardware, streams).layer.array
    rows = np.concatenate([x[:, 0], np.zeros((n, 8), np.float32)], axis=1)
    coded = code_inputs(rows, hardware.input, hardware.coding)
    expected = array.multiply(coded.x, np.uint64(1), powers=coded.powers)
    graph = np.concatenate([seen[0], seen[1], seen[2]], axis=1)  # i and f, g, o
    std = expected.std(axis=0)
    assert (np.abs(graph.mean(axis=0) - expected.mean(axis=0)) < 5 * np.sqrt(2 / n) * std).all()
    np.testing.assert_allclose(graph.std(axis=0), std, rtol=5 / np.sqrt(n))


def test_gradients_pass_straight_through_staircase_and_programming():
    checkpoint = random_checkpoint()
    network = network_of(checkpoint)
    draw = draw_hardware(checkpoint, HARDWARE["noisy"], Streams(0))
    network(torch.from_numpy(checkpoint.normalise(random_features(16))), draw).square().sum().backward()
    for name, parameter in network.named_tensors():
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name


def test_a_teacher_is_learned_from(tmp_path):
    teacher = trainer(config(epochs=20), tmp_path / "teacher").run(lambda _: None)
    path = str(tmp_path / "teacher" / "checkpoint.safetensors")
    taught = trainer(config(NOISY, epochs=6, teacher=path, teacher_weight=1.0), tmp_path / "taught")
    checkpoint = taught.run(lambda _: None)  # with weight 1 the labels play no part
    assert checkpoint.metrics["selection_accuracy"] > 80.0
    assert checkpoint.config["training"]["teacher"] == "checkpoint.safetensors"
    scores = [network.float_logits(toy_data(100, 3)[0]) for network in (teacher, checkpoint)]
    assert np.mean(scores[0].argmax(axis=1) == scores[1].argmax(axis=1)) > 0.8


def test_a_teacher_of_another_normalisation_is_refused(tmp_path):
    save_checkpoint(replace(random_checkpoint(), classes=CLASSES), tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="features normalised as in the training"):
        trainer(config(teacher=str(tmp_path / "other.safetensors")), tmp_path)


def test_training_under_noise_pays_under_noise(tmp_path):
    # Six draws of a very noisy device: the network that met the noise in training keeps more of its accuracy.
    harsh = {"preset": "yang2025_150us", "prog_noise": {"sigma": "25 uS"}}
    noisy = config(harsh, epochs=25)
    hardware = noisy.hardware("digital", "digital")
    trained = {
        "float": trainer(config(epochs=25), tmp_path / "float").run(lambda _: None),
        "noisy": trainer(noisy, tmp_path / "noisy").run(lambda _: None),
    }
    features, labels = toy_data(400, 2)

    def mean(checkpoint):
        chips = [program_network(checkpoint, hardware, Streams(chip)) for chip in range(6)]
        return np.mean([accuracy(chip.logits(features), labels) for chip in chips])

    assert mean(trained["noisy"]) > mean(trained["float"])


@pytest.mark.statistics
def test_read_noise_of_an_analog_readout_is_in_the_training_graph():
    hardware = HARDWARE["ideal"].model_copy(
        update={"device": NOISY_READ, "ramp_device": HARDWARE["ideal"].device, "readout": "analog"}
    )
    checkpoint, n = random_checkpoint(), 3000
    for name in ("lstm.weight_x", "lstm.weight_h", "lstm.bias"):
        checkpoint.tensors[name][:] = 0.0  # gates without weights still fluctuate; states then hardly do
    x = np.repeat(random_features(1, steps=1), n, axis=0)
    chip = program_network(checkpoint, hardware, Streams(0))
    expected = chip.logits(x) / chip.readout_factor
    draw = draw_hardware(checkpoint, hardware, Streams(0))
    inputs = torch.from_numpy(checkpoint.normalise(x))
    with torch.no_grad():
        graph = network_of(checkpoint)(inputs, draw, 0.0, torch.Generator().manual_seed(1)).numpy()
    np.testing.assert_allclose(graph.std(axis=0), expected.std(axis=0), rtol=5 / np.sqrt(n))
    assert (expected.std(axis=0) > 1e-3).all()
