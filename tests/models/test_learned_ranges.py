"""Ranges of drivers and devices that are trained beside the weights."""

from dataclasses import replace

import numpy as np
import pytest
from networks import IDEAL, NETWORKS, random_checkpoint, random_features, random_network

torch = pytest.importorskip("torch", reason="needs memramp[train]")

from memramp.crossbar import CrossbarConfig, load_weight_table, save_weight_table  # noqa: E402
from memramp.crossbar.weight_table import WeightReadback  # noqa: E402
from memramp.devices import ConstantNoise  # noqa: E402
from memramp.errors import InputError  # noqa: E402
from memramp.models.analog_network import program_network  # noqa: E402
from memramp.models.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from memramp.models.digital_twin import check_measured, network_weight_table  # noqa: E402
from memramp.models.gates import GateConfig  # noqa: E402
from memramp.models.hardware import HardwareConfig  # noqa: E402
from memramp.models.keyword_set import KeywordSet  # noqa: E402
from memramp.models.keyword_training import KeywordTraining  # noqa: E402
from memramp.models.measured_network import MeasuredFiles, MeasuredNetwork, ReadbackConfig  # noqa: E402
from memramp.models.torch_network import TrainableNetwork  # noqa: E402
from memramp.models.torch_quantise import quantise, written  # noqa: E402
from memramp.models.torch_scalars import gradient_factor, log_name  # noqa: E402
from memramp.models.training import Trainer, clipped  # noqa: E402
from memramp.models.training_config import TrainingConfig  # noqa: E402
from memramp.models.training_data import TrainingData  # noqa: E402
from memramp.models.training_draw import draw_hardware  # noqa: E402
from memramp.streams import Streams  # noqa: E402

ALL = ("range_x", "range_h", "clip")
NOISY = {"preset": "yang2025_150us", "prog_noise": {"sigma": "5 uS"}, "read_noise": {"kind": "constant", "sigma": 2.0}}


@pytest.mark.parametrize("limit", [1.0, 1.5])
def test_a_range_has_the_gradient_of_a_learned_step_size(limit):
    # Esser et al.: of the driven value u q(x / u), within the range q(x / u) - x / u, beyond it the largest pulse.
    x = torch.linspace(-2.0, 2.0, 41)
    w = torch.linspace(0.3, 1.7, 41)
    u = torch.tensor(0.8, requires_grad=True)
    (quantise(x / u, limit, 7) * (u * w)).sum().backward()
    v = x / 0.8
    q = torch.round(v.clamp(-limit, limit) / limit * 7) / 7 * limit
    expected = (w * torch.where(v.abs() <= limit, q - v, q)).sum()
    assert float(u.grad) == pytest.approx(float(expected), rel=1e-5)


def test_a_clip_has_the_gradient_of_the_weights_that_are_written():
    rng = np.random.default_rng(0)
    w, errors, slope = (torch.from_numpy(rng.normal(0.0, 1.0, (30, 20))) for _ in range(3))

    def realised(clip):
        return w.clamp(-clip, clip) + clip * 0.05 * errors

    asked, clip = w.clone().requires_grad_(), torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    (slope * written(asked, realised(0.9), clip)).sum().backward()
    step = 1e-7
    found = float((slope * (realised(0.9 + step) - realised(0.9 - step))).sum()) / (2 * step)
    assert float(clip.grad) == pytest.approx(found, rel=1e-5)
    assert torch.equal(asked.grad, slope * (w.abs() <= 0.9))


SMOOTH = {gate: GateConfig(kind="digital") for gate in "ifgorznh"}


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize(
    "name", [name for name in NETWORKS if not name.endswith("gru")]  # whose candidate is made of converted sums
)
def test_gradients_of_ranges_are_those_of_the_whole_network(name, key):
    # Functions and pulses without steps: the loss is smooth in the ranges, so finite differences tell its slope.
    checkpoint = random_network(name, range_x=0.6, range_h=0.3, clip=0.5)
    kinds = {"lstm": "ifgo", "gru": "rzn", "rnn": "h"}[checkpoint.network.recurrent[0].kind]
    hardware = HardwareConfig(
        device=IDEAL.model_copy(update={"prog_noise": ConstantNoise(sigma=5.0)}),
        crossbar=CrossbarConfig(noise_on="used_side"),  # one error for each weight, which no device's window cuts
        gates={gate: SMOOTH[gate] for gate in kinds},
    )
    x = torch.from_numpy(np.tanh(random_features(20)))

    def loss(change):
        scalars = {f"{layer.name}.{key}": np.float32(checkpoint.scalar(layer.name, key) * change)
                   for layer in checkpoint.network.recurrent}  # fmt: skip
        changed = replace(checkpoint, tensors=checkpoint.tensors | scalars)
        network = TrainableNetwork(checkpoint.network, scalars=changed.scalars, learn=(key,))
        network.load(changed.tensors)
        # Of the weights, only what the mapping clips matters: the same for the simulator.
        draw = draw_hardware(changed, hardware, Streams(4))
        return network, network(x, draw).square().sum()

    network, now = loss(1.0)
    now.backward()
    slope, size = 0.0, float(now.detach())
    for layer in checkpoint.network.recurrent:
        found = network.tensor(log_name(f"{layer.name}.{key}")).grad
        slope += float(found) / gradient_factor(layer, key, 0)
    step = 2e-3
    with torch.no_grad():
        expected = (float(loss(1 + step)[1]) - float(loss(1 - step)[1])) / (2 * step)
    assert slope == pytest.approx(expected, rel=0.02, abs=0.02 * size)
    assert abs(expected) > 1e-3 * size


def test_read_noise_gives_the_clip_a_gradient():
    checkpoint = random_network("lstm", clip=1.0)
    device = IDEAL.model_copy(update={"read_noise": ConstantNoise(sigma=4.0)})
    hardware = HardwareConfig(device=device, gates={gate: SMOOTH[gate] for gate in "ifgo"})

    def loss(clip):
        changed = replace(checkpoint, tensors=checkpoint.tensors | {"lstm.clip": np.float32(clip)})
        network = TrainableNetwork(checkpoint.network, scalars=changed.scalars, learn=("clip",))
        network.load(changed.tensors)
        draw = draw_hardware(changed, hardware, Streams(4))
        x = torch.from_numpy(np.tanh(random_features(20)))
        return network, network(x, draw, 0.0, torch.Generator().manual_seed(3)).square().sum()

    wide = np.float32(4.0)  # beyond all weights: only the noise feels it
    network, now = loss(wide)
    now.backward()
    layer = checkpoint.network.recurrent[0]
    slope = float(network.tensor(log_name("lstm.clip")).grad) / gradient_factor(layer, "clip", 0)
    with torch.no_grad():
        expected = (float(loss(wide * 1.002)[1]) - float(loss(wide * 0.998)[1])) / 0.004
    assert slope == pytest.approx(expected, rel=0.02)


def data():
    rng = np.random.default_rng(0)
    labels = np.arange(256) % 4
    rise = np.linspace(0, 1, 7)[np.newaxis, :, np.newaxis]
    features = (np.eye(4, 6)[labels][:, np.newaxis] * rise + rng.normal(0, 0.4, (256, 7, 6))).astype(np.float32)
    chosen = KeywordSet(features[:120], labels[:120], tuple("abcd"), "toy", "0" * 64)
    mean, scale = np.zeros(6, np.float32), np.full(6, 2.0, np.float32)
    return TrainingData((features.astype(np.float16),), labels, mean, scale, chosen, False, "toy")


def config(learn=ALL, epochs=3, cell="lstm", **model):
    return TrainingConfig.model_validate(
        {
            "memramp": 1,
            "name": "toy",
            "model": {"hidden": 8, "learn": list(learn), "cell": cell, **model},
            "device": NOISY,
            "input": {"bits": 5},
            "training": {"epochs": epochs, "batch": 64, "warmup_steps": 0, "learning_rate": 0.03, "evaluate_every": 1},
        }
    )


def trainer(settings, out):
    return Trainer(settings, KeywordTraining(settings, data()), out)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_learned_ranges_are_in_the_checkpoint_and_a_cut_training_goes_on_bit_for_bit(cell, tmp_path):
    class CutError(Exception):
        pass

    def cut(progress):
        if progress.done == 2:
            raise CutError

    whole = trainer(config(cell=cell), tmp_path / "whole").run(lambda _: None)
    for key in ALL:
        assert whole.scalar(cell, key) not in (None, 1.0, 2.0)
    with pytest.raises(CutError):
        trainer(config(cell=cell), tmp_path / "cut").run(cut)
    resumed = trainer(config(cell=cell), tmp_path / "cut").run(lambda _: None)
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(resumed.tensors[name], tensor, err_msg=name)
    kept = load_checkpoint(str(tmp_path / "whole" / "checkpoint.safetensors"))
    assert kept.scalars == whole.scalars


def test_only_what_is_asked_for_is_learned(tmp_path):
    found = trainer(config(learn=["range_h"], epochs=1), tmp_path).run(lambda _: None)
    assert list(found.scalars) == ["lstm.range_h"]


@pytest.mark.parametrize("learn", [(), ("clip",)])
def test_scalars_of_the_first_checkpoint_are_taken_over(learn, tmp_path):
    given = {"lstm.range_x": 1.3, "lstm.clip": 1.7}
    tensors = random_checkpoint().tensors | {name: np.float32(value) for name, value in given.items()}
    first = replace(random_checkpoint(), tensors={n: np.asarray(t) for n, t in tensors.items()}, classes=tuple("abcd"))
    save_checkpoint(first, tmp_path / "first.safetensors")
    settings = config(learn=learn, epochs=1, init=str(tmp_path / "first.safetensors"))
    training = trainer(settings, tmp_path / "out")
    assert training.network.tensors()["lstm.clip"] == pytest.approx(1.7, rel=1e-6)
    found = training.run(lambda _: None)
    assert found.tensors["lstm.range_x"] == np.float32(1.3)
    assert (found.tensors["lstm.clip"] == np.float32(1.7)) is np.bool_("clip" not in learn)


@pytest.mark.parametrize("learn", [(), ("range_x", "range_h")])
def test_scalars_that_are_given_count_before_those_of_the_first_checkpoint(learn, tmp_path):
    first = {"lstm.range_x": 1.3, "lstm.clip": 1.7}
    tensors = random_checkpoint().tensors | {name: np.asarray(np.float32(value)) for name, value in first.items()}
    path = tmp_path / "first.safetensors"
    save_checkpoint(replace(random_checkpoint(), tensors=tensors, classes=tuple("abcd")), path)
    given = {"range_x": 0.4, "range_h": 1.2, "init": str(path)}
    training = trainer(config(learn=learn, epochs=1, **given), tmp_path / "out")
    wanted = {"lstm.range_x": 0.4, "lstm.range_h": 1.2, "lstm.clip": 1.7}
    assert {name: float(training.network.tensors()[name]) for name in wanted} == pytest.approx(wanted, rel=1e-6)
    found = training.run(lambda _: None)
    for name, value in wanted.items():
        assert (found.tensors[name] == np.float32(value)) is np.bool_(name.rsplit(".", 1)[1] not in learn)
    np.testing.assert_array_less(np.abs(found.tensors["lstm.weight_h"]), 1.0001 * 1.7 / found.tensors["lstm.range_h"])


def test_weights_are_clipped_where_the_devices_window_ends():
    checkpoint = random_network("gru", range_x=0.5, range_h=2.0, clip=0.6)
    found = clipped(checkpoint.tensors, checkpoint.network, 2.0)
    limits = {"weight_x": 1.2, "weight_h": 0.3, "bias": 0.6}
    for part, limit in limits.items():
        assert np.abs(found[f"gru.{part}"]).max() <= np.float32(limit)
    hardware = HardwareConfig(device=IDEAL)
    chips = [program_network(each, hardware, Streams(0)) for each in (checkpoint, replace(checkpoint, tensors=found))]
    for part in chips[0].layer.arrays:
        weights = [chip.layer.arrays[part].w_eff for chip in chips]
        np.testing.assert_allclose(*weights, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"device": None}, "without 'device' there is nothing to learn"),
        ({"model": {"learn": ["clip", "clip"]}}, "names something twice"),
        ({"crossbar": {"scale_per": "column"}}, "needs crossbar.scale_per 'fixed'"),
        ({"model": {"learn": ["range"]}}, "model.learn"),
        ({"model": {"range_h": 2.0}, "device": None}, "model.range_h is about drivers and devices"),
        ({"model": {"clip": 0.5}, "crossbar": {"scale_per": "layer"}}, "model.clip needs crossbar.scale_per 'fixed'"),
        ({"model": {"range_x": 0.0}}, "model.range_x"),
    ],
)
def test_what_cannot_be_learned_is_told(change, said):
    block = {"memramp": 1, "name": "toy", "device": NOISY, "model": {"learn": ["clip"]}}
    with pytest.raises(ValueError, match=said):
        TrainingConfig.model_validate(block | change)


# --- tables for the laboratory


@pytest.mark.parametrize("mapping", ["differential", "offset", "bit_sliced"])
@pytest.mark.parametrize("name", ["stacked lstm", "bidirectional gru", "lstm with a projection"])
def test_weight_tables_have_each_layers_clip(name, mapping, tmp_path):
    checkpoint = random_network(name)
    layers = [layer.name for layer in checkpoint.network.recurrent]
    clips = {f"{layer}.clip": np.float32(0.5 + 0.3 * k) for k, layer in enumerate(layers)}
    checkpoint = replace(checkpoint, tensors=checkpoint.tensors | {k: np.asarray(v) for k, v in clips.items()})
    crossbar = CrossbarConfig(mapping=mapping, scale=30.0)
    hardware = HardwareConfig(device=IDEAL, crossbar=crossbar, projection="analog", readout="analog")
    table = network_weight_table(checkpoint, hardware)
    chip = program_network(checkpoint, hardware, Streams(0))
    for direction, cell in chip.cells.items():
        for part, array in cell.arrays.items():
            targets = table.arrays[direction if part == "gates" else f"{direction}.{part}"].target
            for plane, held in array.devices.items():
                np.testing.assert_allclose(targets[plane], held, rtol=1e-12, err_msg=f"{direction} {part} {plane}")
    for suffix in ("csv", "safetensors"):
        save_weight_table(tmp_path / f"table.{suffix}", table)
        again = load_weight_table(tmp_path / f"table.{suffix}")
        assert again.settings == table.settings
    measured = MeasuredNetwork(
        config=ReadbackConfig(weights=MeasuredFiles(table=tmp_path / "table.csv", measured=tmp_path / "no")),
        weight_table=again,
        weights=WeightReadback({name: part.target for name, part in again.arrays.items()}),
    )
    twin = hardware.model_copy(update={"measured": measured})
    check_measured(checkpoint, twin, 1)
    ours = program_network(checkpoint, twin, Streams(1))
    np.testing.assert_array_equal(ours.layer.array.w_eff, chip.layer.array.w_eff)
    other = replace(checkpoint, tensors=checkpoint.tensors | {f"{layers[0]}.clip": np.asarray(np.float32(0.9))})
    with pytest.raises(InputError, match=r"w_clip is 0\.9, the table of the weights was made for 0\.5"):
        program_network(other, twin, Streams(1))


def test_tables_without_clips_of_their_own_are_written_as_before(tmp_path):
    save_weight_table(tmp_path / "table.csv", network_weight_table(random_checkpoint(), HardwareConfig(device=IDEAL)))
    assert "clips" not in (tmp_path / "table.csv").read_text()
