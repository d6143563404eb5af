"""Small networks and hardware for the tests of the models."""

import numpy as np

from memramp.config import validate
from memramp.crossbar import CrossbarConfig
from memramp.devices import ConstantNoise, Device, ProportionalNoise, load_preset, resolve_device
from memramp.models.checkpoint import Checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.models.spec import NetworkSpec, stacked_spec
from memramp.peripherals import ActivationConfig, InputConfig
from memramp.peripherals.environment import EnvironmentConfig

IDEAL = Device(g_min=0.0, g_max=150.0)
NOISY = Device(
    g_min=0.0,
    g_max=150.0,
    prog_noise=ConstantNoise(sigma=5.0),
    read_noise=ConstantNoise(sigma=3.5),
    stuck_off_rate=0.01,
)
VARIED = NOISY.model_copy(update={"read_noise": ProportionalNoise(fraction=0.05)})

FLUCTUATING = resolve_device(
    {
        "g_min": 0.0,
        "g_max": 150.0,
        "prog_noise": {"kind": "constant", "sigma": "5 uS"},
        "read_noise": {
            "kind": "sum",
            "of": [
                {"kind": "proportional", "fraction": 0.02},
                {"kind": "thermal"},
                {"kind": "telegraph", "active": 0.2, "amplitude": 0.2, "duty": 0.3},
            ],
        },
    }
)
RAMPS = FLUCTUATING.model_copy(update={"read_noise": ConstantNoise(sigma=1.0)})  # ramps have no telegraph noise
WHITE = resolve_device(
    {"g_min": 0.0, "g_max": 150.0, "read_noise": {"kind": "shot"}, "iv": {"kind": "sinh", "v_0": "0.15 V"}}
)


def crossbar(**block: object) -> CrossbarConfig:
    return validate(CrossbarConfig, block, "crossbar")


HARDWARE = {
    "ideal": HardwareConfig(device=IDEAL),
    "noisy": HardwareConfig(device=NOISY),
    "noise that varies between pairs": HardwareConfig(device=VARIED),
    "cell state through the converter": HardwareConfig(device=NOISY, tanh_c="nladc"),
    "quantised inputs": HardwareConfig(device=NOISY, input=InputConfig(bits=5)),
    "paper levels, 3 bit": HardwareConfig(device=NOISY, activation=ActivationConfig(bits=3, levels="paper")),
    "uniform ADC": HardwareConfig(device=NOISY, activation=ActivationConfig(kind="uniform_adc", bits=6)),
    "one noise per weight": HardwareConfig(device=NOISY, crossbar=CrossbarConfig(noise_on="used_side")),
    "analog read-out": HardwareConfig(device=NOISY, readout="analog"),
    "mechanisms of noise": HardwareConfig(device=FLUCTUATING, ramp_device=RAMPS),
    "offset columns": HardwareConfig(
        device=FLUCTUATING, ramp_device=RAMPS, crossbar=crossbar(mapping="offset", scale=35.0, tile={"cols": 9})
    ),
    "bit slices": HardwareConfig(device=NOISY, crossbar=crossbar(mapping="bit_sliced")),
    "a scale per column": HardwareConfig(device=NOISY, crossbar=crossbar(scale_per="column"), readout="analog"),
    "joined in charge": HardwareConfig(
        device=NOISY, crossbar=crossbar(tile={"rows": 6, "tall": "charge", "mismatch": 0.01})
    ),
    "joined in digital": HardwareConfig(
        device=FLUCTUATING,
        ramp_device=RAMPS,
        crossbar=crossbar(tile={"rows": 6, "tall": "digital", "adc": {"bits": 5}}),
        readout="analog",
    ),
    "wires": HardwareConfig(device=NOISY, crossbar=crossbar(wires={"r_row": 3.0, "r_col": 5.0})),
    "inputs by voltage": HardwareConfig(device=WHITE, input=InputConfig(coding="amplitude", bits=6), readout="analog"),
    "inputs bit by bit": HardwareConfig(device=WHITE, input=InputConfig(coding="bit_serial", bits=6)),
    "bit by bit, varied noise, digital": HardwareConfig(
        device=VARIED,
        input=InputConfig(coding="bit_serial", bits=4),
        crossbar=crossbar(tile={"rows": 6, "tall": "digital"}),
    ),
    "aged": HardwareConfig(
        device=load_preset("pcm_joshi2020"),
        crossbar=CrossbarConfig(scale=12.5),
        environment=EnvironmentConfig(t_inference=1e5),
    ),
}


def random_checkpoint(inputs: int = 6, hidden: int = 8, classes: int = 4, seed: int = 0) -> Checkpoint:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return np.clip(rng.normal(0.0, 0.6, shape), -2.0, 2.0).astype(np.float32)

    tensors = {
        "features.mean": draw(inputs),
        "features.scale": np.full(inputs, 3.0, np.float32),
        "lstm.weight_x": draw(inputs, 4 * hidden),
        "lstm.weight_h": draw(hidden, 4 * hidden),
        "lstm.bias": draw(4 * hidden),
        "dense.weight": draw(hidden, classes),
        "dense.bias": draw(classes),
    }
    return Checkpoint(tensors, tuple(f"class {i}" for i in range(classes)), {"seed": seed}, {"accuracy": 12.5})


NETWORKS = {
    "lstm": stacked_spec("lstm", 6, (8,), 4),
    "lstm with a projection": stacked_spec("lstm", 6, (8,), 4, projection=5),
    "stacked lstm": stacked_spec("lstm", 6, (8, 7), 4),
    "bidirectional lstm": stacked_spec("lstm", 6, (8, 5), 4, bidirectional=True),
    "lstm that reads all steps": stacked_spec("lstm", 6, (8,), 4, read="all"),
    "gru": stacked_spec("gru", 6, (8,), 4),
    "gru with the reset before": NetworkSpec.model_validate(
        {
            "layers": [
                {"kind": "gru", "name": "gru", "inputs": 6, "hidden": 8, "reset": "before"},
                {"kind": "dense", "inputs": 8, "outputs": 4},
            ]
        }
    ),
    "bidirectional gru": stacked_spec("gru", 6, (5, 8), 4, bidirectional=True),
    "rnn": stacked_spec("rnn", 6, (8,), 4),
    "rnn with relu": NetworkSpec.model_validate(
        {
            "layers": [
                {"kind": "rnn", "name": "rnn", "inputs": 6, "hidden": 8, "nonlinearity": "relu"},
                {"kind": "dense", "inputs": 8, "outputs": 4},
            ]
        }
    ),
}


def random_network(name: str, seed: int = 0, **scalars: float) -> Checkpoint:
    """A checkpoint of one of `NETWORKS`; `scalars` are the units of its layers."""
    spec, rng = NETWORKS[name], np.random.default_rng(seed)
    tensors = {key: rng.normal(0.0, 0.4, shape).astype(np.float32) for key, shape in spec.shapes().items()}
    for layer in spec.recurrent:
        tensors |= {f"{layer.name}.{key}": np.array(value, np.float32) for key, value in scalars.items()}
    return Checkpoint(tensors, tuple("abcd"), spec=spec)


def random_features(n: int, steps: int = 7, inputs: int = 6, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.5, (n, steps, inputs)).astype(np.float32)
