"""What a training file may say of noise, learning rates and the device that the graph runs on."""

import json

import numpy as np
import pytest
from networks import IDEAL, NETWORKS, NOISY, random_checkpoint, random_features, random_network

torch = pytest.importorskip("torch", reason="needs memramp[train]")

from memramp.crossbar import CrossbarConfig  # noqa: E402
from memramp.errors import InputError  # noqa: E402
from memramp.models import torch_gate  # noqa: E402
from memramp.models.analog_network import program_network  # noqa: E402
from memramp.models.hardware import HardwareConfig  # noqa: E402
from memramp.models.keyword_set import KeywordSet  # noqa: E402
from memramp.models.keyword_training import KeywordTraining  # noqa: E402
from memramp.models.torch_network import network_of  # noqa: E402
from memramp.models.torch_slopes import Blur  # noqa: E402
from memramp.models.training import STATE_FILE, Trainer, device_of  # noqa: E402
from memramp.models.training_config import TrainingConfig, TrainingSettings, same_training  # noqa: E402
from memramp.models.training_data import TrainingData  # noqa: E402
from memramp.models.training_draw import draw_hardware, hardware_of_training  # noqa: E402
from memramp.peripherals import ActivationConfig  # noqa: E402
from memramp.streams import Streams  # noqa: E402

DEVICE = {"preset": "yang2025_150us", "prog_noise": {"sigma": "5 uS"}, "read_noise": {"kind": "constant", "sigma": 3.0}}


def data():
    rng = np.random.default_rng(0)
    labels = np.arange(256) % 4
    rise = np.linspace(0, 1, 7)[np.newaxis, :, np.newaxis]
    features = (np.eye(4, 6)[labels][:, np.newaxis] * rise + rng.normal(0, 0.4, (256, 7, 6))).astype(np.float32)
    chosen = KeywordSet(features[:120], labels[:120], tuple("abcd"), "toy", "0" * 64)
    mean, scale = np.zeros(6, np.float32), np.full(6, 2.0, np.float32)
    return TrainingData((features.astype(np.float16),), labels, mean, scale, chosen, False, "toy")


def config(device=DEVICE, model=None, **training):
    settings = {"epochs": 3, "batch": 64, "warmup_steps": 0, "learning_rate": 0.03, "evaluate_every": 3, **training}
    model = {"hidden": 8, **(model or {})}
    return TrainingConfig.model_validate(
        {"memramp": 1, "name": "toy", "device": device, "model": model, "training": settings}
    )


def trainer(settings, out):
    return Trainer(settings, KeywordTraining(settings, data()), out)


# --- learning rates


@pytest.mark.parametrize(
    ("schedule", "final", "expected"),
    [
        ("cosine", 0.0, {0: 1.0, 50: 0.5, 75: 0.5 - np.sqrt(0.125), 100: 0.0}),
        ("cosine", 0.2, {0: 1.0, 50: 0.6, 100: 0.2}),
        ("linear", 0.0, {0: 1.0, 25: 0.75, 100: 0.0}),
        ("linear", 0.5, {0: 1.0, 50: 0.75, 100: 0.5}),
        ("constant", 0.0, {0: 1.0, 50: 1.0, 100: 1.0}),
        ("step", 0.01, {0: 1.0, 49: 1.0, 50: 0.1, 74: 0.1, 75: 0.01, 100: 0.01}),
    ],
)
def test_the_learning_rate_falls_as_its_schedule_says(schedule, final, expected):
    settings = TrainingSettings(learning_rate=0.5, schedule=schedule, final_rate=final, warmup_steps=0)
    for step, part in expected.items():
        assert settings.rate(step, 100) == pytest.approx(0.5 * part, abs=1e-12), step


def test_the_warm_up_is_linear():
    settings = TrainingSettings(learning_rate=0.5, schedule="constant", warmup_steps=4)
    assert [settings.rate(step, 100) for step in range(6)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5])


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"schedule": "step"}, "needs a final_rate above 0"),
        ({"schedule": "constant", "final_rate": 0.1}, "takes no final_rate"),
        ({"blur": 0.1}, "blur belongs to gradient 'blurred'"),
        ({"drop_connect": 1.0}, "drop_connect"),
    ],
)
def test_settings_that_do_not_go_together_are_told(training, said):
    with pytest.raises(ValueError, match=said):
        config(**training)


# --- noise


def test_noise_and_drop_connect_need_a_device():
    for training in ({"noise": "none"}, {"drop_connect": 0.1}):
        with pytest.raises(ValueError, match="there is no 'device'"):
            config(None, **training)


def test_noise_of_weights_needs_pairs():
    block = {"memramp": 1, "name": "toy", "device": DEVICE, "crossbar": {"mapping": "offset", "scale": 37.5}}
    with pytest.raises(ValueError, match=r"belongs to crossbar\.mapping 'differential', found 'offset'"):
        TrainingConfig.model_validate(block | {"training": {"noise": "weight"}})


def errors_of(hardware):
    cell = draw_hardware(random_checkpoint(hidden=40), hardware, Streams(0)).cells["lstm"]
    return cell.arrays["gates"].weights.numpy() - random_checkpoint(hidden=40).lstm.stacked()


@pytest.mark.statistics
def test_noise_of_training_is_of_devices_of_weights_or_none():
    hardware = HardwareConfig(device=NOISY.model_copy(update={"stuck_off_rate": 0.0}))
    per_weight = hardware_of_training(hardware, "weight", 0.0)
    assert per_weight.crossbar.noise_on == "used_side"
    errors = errors_of(per_weight)
    assert errors.std() == pytest.approx(5.0 / 75.0, rel=5 / np.sqrt(2 * errors.size))
    assert hardware_of_training(hardware, "device", 0.0).device == hardware.device
    quiet = hardware_of_training(hardware, "none", 0.0)
    assert np.abs(errors_of(quiet)).max() < 1e-6
    assert quiet.device.read_noise == hardware.device.read_noise
    assert quiet.devices_of_ramp.prog_noise.kind == "none"


@pytest.mark.statistics
def test_drop_connect_adds_to_the_devices_own_stuck_devices_and_spares_the_ramps():
    hardware = HardwareConfig(device=IDEAL.model_copy(update={"stuck_off_rate": 0.1, "stuck_on_rate": 0.1}))
    found = hardware_of_training(hardware, "device", 0.25)
    assert found.device.stuck_off_rate == pytest.approx(0.1 + 0.8 * 0.25)
    assert found.devices_of_ramp == hardware.devices_of_ramp
    dropped = errors_of(hardware_of_training(HardwareConfig(device=IDEAL), "device", 0.25))
    weights = random_checkpoint(hidden=40).lstm.stacked()
    part = (np.abs(dropped + weights) < 1e-6).mean()
    assert part == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / weights.size))


def test_levels_for_noisy_ramps_are_placed_as_without_the_options_of_training():
    activation = ActivationConfig(levels="noise_aware", bits=3, density="demo_keywords_float")
    hardware = HardwareConfig(device=NOISY, activation=activation)
    chips = [
        program_network(random_checkpoint(), each, Streams(0)).layer.sigmoid
        for each in (hardware, hardware_of_training(hardware, "none", 0.0))
    ]
    np.testing.assert_array_equal(chips[0].outputs, chips[1].outputs)


@pytest.mark.parametrize(
    "training",
    [{"noise": "weight", "drop_connect": 0.05}, {"noise": "none"}, {"gradient": "blurred"},
     {"schedule": "step", "final_rate": 0.1}],
    ids=lambda training: next(iter(training)) + "_" + str(next(iter(training.values()))),
)  # fmt: skip
def test_every_option_trains_in_both_precisions(training, tmp_path):
    model = {"learn": ["range_x", "range_h", "clip"]}
    for precision in ("float32", "bfloat16"):
        settings = config(epochs=8, precision=precision, model=model, **training)
        found = trainer(settings, tmp_path / precision).run(lambda _: None)
        assert found.metrics["selection_accuracy"] > 60.0  # chance: 25


# --- devices of the graph


def test_cuda_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="'cuda' is asked for, but PyTorch finds no CUDA device here; take 'cpu'"):
        trainer(on_cuda(config()), tmp_path)


def on_cuda(settings):
    return settings.model_copy(update={"training": settings.training.model_copy(update={"device": "cuda"})})


def test_cuda_that_is_there_is_taken(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of("cuda") == torch.device("cuda")
    assert device_of("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("blur", [None, Blur()], ids=["smooth", "blurred"])
def test_the_whole_graph_stays_on_its_device(name, blur):
    # PyTorch's device "meta" computes shapes only, but refuses to mix tensors of different devices as CUDA does.
    meta = torch.device("meta")
    checkpoint = random_network(name)
    hardware = HardwareConfig(device=NOISY, tanh_c="nladc", readout="analog", projection="analog")
    draw = draw_hardware(checkpoint, hardware, Streams(0), blur).to(meta)
    network = network_of(checkpoint).to(meta)
    scores = network(torch.empty(5, 7, 6, device=meta), draw, 0.1, None)
    assert scores.device == meta
    scores.sum().backward()
    assert all(parameter.grad.device == meta for _, parameter in network.named_tensors())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_off_the_processor_gives_the_same_codes(name, monkeypatch):
    # What CUDA would do in place of the compiled look-up, done on the processor.
    checkpoint = random_network(name)
    hardware = HardwareConfig(device=IDEAL, tanh_c="nladc", projection="analog")
    draw, x = draw_hardware(checkpoint, hardware, Streams(0)), torch.from_numpy(np.tanh(random_features(16)))
    with torch.no_grad():
        expected = network_of(checkpoint)(x, draw)
        monkeypatch.setattr(
            torch_gate.Staircase,
            "codes",
            lambda stairs, pre: torch.bucketize(pre.contiguous(), stairs.thresholds, right=True, out_int32=True),
        )
        found = network_of(checkpoint)(x, draw)
    assert torch.equal(found, expected)


def test_a_state_goes_on_on_another_device_and_from_before_there_were_new_keys():
    now = json.loads(json.dumps(config().model_dump(mode="json")))
    elsewhere = now | {"training": now["training"] | {"device": "cuda"}}
    before = now | {"training": {key: value for key, value in now["training"].items() if key != "schedule"}}
    other = now | {"training": now["training"] | {"schedule": "linear"}}
    assert same_training(now, elsewhere)
    assert same_training(before, now)
    assert not same_training(other, now)
    assert not same_training({"a": 1}, now)


def test_a_training_that_an_older_version_began_goes_on(tmp_path):
    trainer(config(epochs=1), tmp_path).run(lambda _: None)
    path = tmp_path / STATE_FILE
    content = path.read_bytes()
    from safetensors.torch import load, save

    about = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    state = json.loads(about["state"])
    identity = json.loads(state["identity"])
    for key in ("device", "noise", "drop_connect", "gradient", "blur", "schedule", "final_rate"):
        del identity["config"]["training"][key]
    state["identity"] = json.dumps(identity)
    path.write_bytes(save(load(content), about | {"state": json.dumps(state)}))
    assert trainer(config(epochs=1), tmp_path).state.round == 1


# --- divergence


def test_a_training_that_diverges_stops_and_keeps_its_best(tmp_path):
    settings = config(None, epochs=40, evaluate_every=1, learning_rate=0.03, gradient_clip=1e30)
    training = trainer(settings, tmp_path)
    step = training.state.set_rates

    def absurd_from_the_third_epoch_on(rate, decay):
        step(rate if training.state.round < 2 else 1e38, decay)

    training.state.set_rates = absurd_from_the_third_epoch_on
    with pytest.raises(InputError, match=r"the loss is no finite number after \d+ steps; .*the checkpoint of epoch"):
        training.run(lambda _: None)
    assert (tmp_path / "checkpoint.safetensors").exists()
    assert trainer(settings, tmp_path).state.round >= 2


@pytest.mark.parametrize("crossbar", [{}, {"mapping": "offset", "scale": 37.5}])
def test_drop_connect_with_any_mapping(crossbar):
    hardware = HardwareConfig(device=IDEAL, crossbar=CrossbarConfig(**crossbar))
    draw_hardware(random_checkpoint(), hardware_of_training(hardware, "device", 0.5), Streams(0))
