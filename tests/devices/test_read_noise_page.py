"""The page on read noise and drift shows blocks that are devices, and numbers that are so."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import constants

from memramp.config import parse_yaml, validate
from memramp.devices import Device, ReadConditions
from memramp.devices.overrides import kinds_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "read_noise_and_drift.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", BLOCKS)
def test_blocks_of_the_page_are_devices(text):
    block = parse_yaml(text, "page")
    device = validate(Device, {"g_min": 0.0, "g_max": 40.0} | block, "page")
    assert all(getattr(device, key) != getattr(device.ideal(), key) for key in block if key not in ("g_min", "g_max"))


def test_every_kind_of_the_page_exists_and_none_is_missing():
    kinds = {kind for key in ("drift", "relaxation", "thermal", "iv", "read_noise") for kind in kinds_of(Device, key)}
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert told - {"kind", "drift", "relaxation", "iv", "read_noise"} == kinds


def test_numbers_of_the_page():
    device = Device(g_min=0.0, g_max=150.0)
    for kind, expected in (("thermal", 0.022), ("shot", 0.043)):
        noisy = validate(Device, device.model_dump() | {"read_noise": {"kind": kind}}, "page")
        wide, narrow = (noisy.read_noise.fluctuation(75.0, ReadConditions(t_pulse=t)).white for t in (32e-9, 1e-9))
        assert wide == pytest.approx(expected, abs=5e-4)
        assert narrow / wide == pytest.approx(5.7, abs=0.05)
    x = constants.e * 0.2 / (2 * constants.k * 300.0)
    assert (1.0 + 1.0 / x) - 1.0 / np.tanh(x) == pytest.approx(0.26, abs=0.005)
