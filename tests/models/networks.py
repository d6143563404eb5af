"""Small networks and hardware for the tests of the models."""

import numpy as np

from memramp.crossbar import CrossbarConfig
from memramp.devices import ConstantNoise, Device, ProportionalNoise
from memramp.models.checkpoint import Checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.peripherals import ActivationConfig, InputConfig

IDEAL = Device(g_min=0.0, g_max=150.0)
NOISY = Device(
    g_min=0.0,
    g_max=150.0,
    prog_noise=ConstantNoise(sigma=5.0),
    read_noise=ConstantNoise(sigma=3.5),
    stuck_off_rate=0.01,
)
VARIED = NOISY.model_copy(update={"read_noise": ProportionalNoise(fraction=0.05)})

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


def random_features(n: int, steps: int = 7, inputs: int = 6, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.5, (n, steps, inputs)).astype(np.float32)
