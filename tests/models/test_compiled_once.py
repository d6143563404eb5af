"""What one process has compiled, another one finds."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import numpy as np
from numba.core import event

class Count(event.Listener):
    compiled = []
    def on_start(self, happened):
        self.compiled.append(happened.data["dispatcher"].py_func.__name__)
    def on_end(self, happened):
        pass

event.register("numba:compile", Count())

from networks import HARDWARE, random_checkpoint, random_features
from memramp.models.analog_network import program_network
from memramp.streams import Streams

network = program_network(random_checkpoint(), HARDWARE["analog read-out"], Streams(1))
features = random_features(41)
network.logits(features)               # the sequence, and multiply for the read-out
network.logits(features.astype(float)[:3], first_sample=np.int32(7))
frozen = network.layer.array.w_eff
frozen.flags.writeable = False         # as arrays are that come from a file
network.readout.multiply(np.asfortranarray(np.ones((9, 9))), 5, step=np.uint8(1))
print(*Count.compiled)
"""
FOLDER = Path(__file__).resolve().parent


def compiled(cache):
    paths = os.pathsep.join([str(FOLDER), str(FOLDER.parents[1])])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True)
    return done.stdout.split()


def test_a_second_process_compiles_nothing_and_no_kernel_has_two_forms(tmp_path):
    first = compiled(tmp_path)
    assert first.count("lstm_sequence") == first.count("read_batch") == 1
    assert compiled(tmp_path) == []
