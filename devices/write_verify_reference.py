"""The write-verify loop as one reads it: the slow reference of `memramp.devices.kernels.write_verify`."""

from dataclasses import dataclass

import numpy as np

from memramp.devices.kernels import ERROR
from memramp.devices.write_verify import AimedPulses, IdenticalPulses, WriteVerify
from memramp.normals import random_normals

_US = 1e-6  # siemens


@dataclass
class Written:
    """One device after the loop."""

    g: float
    """[uS]"""

    set_pulses: int = 0
    reset_pulses: int = 0
    energy: float = 0.0
    """[J]"""

    failed: bool = True


def write_one(
    noise: WriteVerify, target: float, start: float, window: tuple[float, float], key: np.uint64, number: int
) -> Written:
    """Write one device by pulses until a verify read shows it within the tolerance.

    Parameters
    ----------
    noise : WriteVerify
        Loop and pulses.
    target, start : float
        What is wanted, and the state before [uS].
    window : (float, float)
        The device's own g_min and g_max [uS].
    key, number
        Key of the event and number of the device, for the draws.
    """
    device = Written(start)
    for attempt in range(noise.max_tries + 1):
        step_noise, read_noise = _draws(key, number, attempt)
        error = device.g + noise.verify_noise * read_noise - target
        device.energy += noise.verify_voltage**2 * noise.verify_time * device.g * _US
        if abs(error) <= noise.tolerance:
            device.failed = False
            return device
        if attempt < noise.max_tries:
            _pulse(device, noise, error, window, step_noise)
    return device


def _draws(key: np.uint64, number: int, attempt: int) -> tuple[float, float]:
    step, read, _, _ = random_normals(key, number, ERROR, attempt + 1, 0)
    return step, read


def _pulse(device: Written, noise: WriteVerify, error: float, window: tuple[float, float], z: float) -> None:
    rising = error < 0.0
    pulses = noise.set if rising else noise.reset
    width = window[1] - window[0]
    away = device.g - window[0] if rising else window[1] - device.g
    mean = _mean_step(pulses, away, width, abs(error))
    step = mean + np.hypot(pulses.c2c * width, pulses.c2c_relative * mean) * z
    after = device.g + step if rising else device.g - step
    after = max(after, window[0] if isinstance(noise.reset, IdenticalPulses) else 0.0)
    if isinstance(noise.set, IdenticalPulses):
        after = min(after, window[1])
    device.energy += pulses.voltage**2 * pulses.width * (device.g + after) / 2.0 * _US
    device.g = after
    device.set_pulses += rising
    device.reset_pulses += not rising


def _mean_step(pulses: IdenticalPulses | AimedPulses, away: float, width: float, error: float) -> float:
    if isinstance(pulses, AimedPulses):
        step = pulses.gain * error
        return step if pulses.max_step is None else min(step, pulses.max_step)
    b, n = pulses.nonlinearity, pulses.pulses
    if abs(b) < 1e-6:
        return width / n
    return max(float((width / (1.0 - np.exp(-b)) - away) * (1.0 - np.exp(-b / n))), 0.0)
