import os
import subprocess
import sys

import numpy as np

from memramp import jit
from memramp.normals import fill_normals

PROGRAM = """
import numpy as np
from memramp.normals import fill_normals
fill_normals(np.uint64(1), 0, 0, 0, np.empty(4, np.float32))
print(sum(fill_normals.stats.cache_misses.values()))
"""


def run(tmp_path, **environment):
    full = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), **environment}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=full, check=True, capture_output=True, text=True)
    return done.stdout.split()


def test_a_second_process_finds_the_compiled_kernel(tmp_path):
    assert run(tmp_path)[-1] == "1"
    assert run(tmp_path)[-1] == "0"


def test_an_unwritable_cache_folder_is_no_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert run(tmp_path, NUMBA_CACHE_DIR=str(blocked))[-1] == "1"


def test_the_stamp_covers_every_kernel_source(tmp_path, monkeypatch):
    (tmp_path / "layer").mkdir()
    names = [*jit._FOUNDATION, "layer/kernels.py", "layer/wire_kernels.py"]
    for name in names:
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(jit, "_ROOT", tmp_path)
    stamps = set()
    for change in ("", *names):
        if change:
            (tmp_path / change).write_text("changed")
        jit.kernel_hash.cache_clear()
        stamps.add(jit.kernel_hash())
    jit.kernel_hash.cache_clear()
    assert len(stamps) == len(names) + 1


OTHER_VERSION = """
import sys
import numba
import numpy as np
numba.version_info = numba.version_info._replace(short=(0, 999))
sys.modules["memramp.inlining"] = None  # what a version without these internals makes of it
from memramp.normals import fill_normals
out = np.empty(4, np.float32)
fill_normals(np.uint64(1), 0, 0, 0, out)
print(*out)
"""


def test_a_numba_that_was_not_tried_gives_the_same_bits(tmp_path):
    full = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", OTHER_VERSION], env=full, check=True, capture_output=True, text=True)
    expected = np.empty(4, np.float32)
    fill_normals(np.uint64(1), 0, 0, 0, expected)
    assert [np.float32(word) for word in done.stdout.split()] == list(expected)
