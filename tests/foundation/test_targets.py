"""Kernels compiled for other processors give the same bits."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from hashlib import sha256
sys.path.insert(0, "tests/models")
import numpy as np
from networks import HARDWARE, random_checkpoint, random_features
from memramp.crossbar.product_kernels import WIDTH
from memramp.models.analog_network import program_network
from memramp.streams import Streams
checkpoint = random_checkpoint()
states = program_network(checkpoint, HARDWARE["mechanisms of noise"], Streams(3)).layer.run(
    checkpoint.normalise(random_features(9)), record=True)
print(sha256(states.tobytes()).hexdigest(), WIDTH)
"""
TARGETS = {  # x86-64 processors of 2013, without 512-bit vectors; and whatever numba calls generic
    "haswell": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+64bit,+avx,+avx2,+bmi,+bmi2,+cmov,+cx16,+f16c,+fma,+fxsr,+lzcnt,+mmx,+movbe,+popcnt,"
        "+sse,+sse2,+sse3,+sse4.1,+sse4.2,+ssse3,+xsave",
    },
    "generic": {"NUMBA_CPU_NAME": "generic"},
}


def run(tmp_path, **environment):
    full = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), **environment}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=full, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    digest, width = done.stdout.split()
    return digest, int(width)


@pytest.mark.parametrize("target", TARGETS)
def test_other_processors_give_the_same_bits(tmp_path, target):
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        pytest.skip("knows x86-64 processors only")
    here, there = run(tmp_path / "here"), run(tmp_path / "there", **TARGETS[target])
    assert there[1] == 16  # one vector a sample where there are no 512-bit registers
    assert there[0] == here[0]
