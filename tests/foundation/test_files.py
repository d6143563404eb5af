import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from memramp.errors import InputError
from memramp.files import in_fixed_order, read_limited, write_atomically


def test_content_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "new" / "file.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_a_failure_leaves_the_old_content_and_no_draft(tmp_path):
    path = tmp_path / "file.txt"
    write_atomically(path, b"one")
    with pytest.raises(TypeError):
        write_atomically(path, "text, not bytes")
    assert path.read_bytes() == b"one"
    assert len(list(tmp_path.iterdir())) == 1


def test_equal_contents_have_equal_bytes():
    # The library's own order of the metadata changes from call to call.
    tensors = {"b": np.arange(3, dtype=np.float32), "a": np.ones((2, 2), np.int8)}
    about = {f"key {i}": "ä" * i for i in range(9)}
    files = {in_fixed_order(save(tensors, dict(about))) for _ in range(20)}
    assert len(files) == 1
    (content,) = files
    np.testing.assert_array_equal(load(content)["b"], tensors["b"])
    np.testing.assert_array_equal(load(content)["a"], tensors["a"])


def test_only_regular_files_within_the_limit_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert read_limited(tmp_path / "file", 5) == b"12345"
    with pytest.raises(InputError, match="too large"):
        read_limited(tmp_path / "file", 4)
    with pytest.raises(InputError, match="a device or pipe"):
        read_limited(Path("/dev/zero"), 10)
    with pytest.raises(InputError, match="a directory"):
        read_limited(tmp_path, 10)
    with pytest.raises(InputError, match="no such file"):
        read_limited(tmp_path / "absent", 10)


def test_mode_of_a_written_file_follows_the_users_mask(tmp_path):
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "private", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


def test_a_name_that_no_file_can_have_is_told():
    with pytest.raises(InputError, match="no name that a file can have"):
        read_limited(Path("a\0b"), 10)
