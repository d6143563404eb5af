import pytest

from memramp.files import write_atomically


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
