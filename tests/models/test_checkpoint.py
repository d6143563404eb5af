import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from networks import random_checkpoint, random_features
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from memramp.errors import InputError
from memramp.models.checkpoint import load_checkpoint, save_checkpoint, shipped_checkpoints


@pytest.fixture
def path(tmp_path):
    save_checkpoint(random_checkpoint(), tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def test_round_trip_keeps_weights_classes_config_and_metrics(path):
    before, after = random_checkpoint(), load_checkpoint(str(path))
    for name, tensor in before.tensors.items():
        np.testing.assert_array_equal(after.tensors[name], tensor)
    assert (after.classes, after.config, after.metrics) == (before.classes, before.config, before.metrics)
    assert len(after.digest) == 64
    np.testing.assert_array_equal(after.float_logits(random_features(4)), before.float_logits(random_features(4)))


def test_saving_leaves_no_temporary_files(path):
    assert [entry.name for entry in path.parent.iterdir()] == ["net.safetensors"]


@pytest.mark.parametrize("name", shipped_checkpoints())
def test_every_shipped_checkpoint_loads(name):
    checkpoint = load_checkpoint(name)
    assert checkpoint.network.outputs == len(checkpoint.classes)
    assert not {"root", "file"} & checkpoint.config["task"].keys()


def refused(path, match):
    with pytest.raises(InputError, match=match) as caught:
        load_checkpoint(str(path))
    assert "\n" not in str(caught.value)


def test_missing_file_is_told(tmp_path):
    refused(tmp_path / "absent.safetensors", "no such file")


def test_unknown_name_lists_the_shipped_ones():
    refused("nonesuch", "neither a file ending in .safetensors nor one of those shipped")


def test_truncated_file_is_told(path):
    path.write_bytes(path.read_bytes()[:-10])
    refused(path, "damaged")


def test_pickle_is_refused(path):
    path.write_bytes(pickle.dumps({"lstm.bias": [1, 2, 3]}))
    refused(path, "damaged")


def test_other_format_is_told(path):
    save_file({"a": np.zeros(3, np.float32)}, path)
    refused(path, "expected the format memramp-network version 1, found no format version unknown")


def rewrite(path, tensors, metadata):
    with safe_open(path, framework="np") as file:
        about = file.metadata() | metadata
    kept = {name: tensor for name, tensor in (load_file(path) | tensors).items() if tensor is not None}
    save_file(kept, path, about)


@pytest.mark.parametrize(
    ("name", "tensor", "match"),
    [
        ("lstm.bias", np.zeros(5, np.float32), "must have shape"),
        ("lstm.bias", np.full(32, np.nan, np.float32), "finite float32"),
        ("lstm.bias", np.zeros(32), "finite float32"),
        ("features.scale", np.zeros(6, np.float32), "must be positive"),
        ("lstm.weight_x", np.zeros(6, np.float32), "must have shape"),
    ],
)
def test_tensors_that_do_not_fit_are_told(path, name, tensor, match):
    rewrite(path, {name: tensor}, {})
    refused(path, match)


def test_missing_tensor_is_told(path):
    rewrite(path, {"lstm.bias": None}, {})
    refused(path, "'lstm.bias' is missing")


@pytest.mark.parametrize(
    ("key", "text", "match"),
    [("classes", "[" * 5000, "'classes' is missing or damaged"), ("format_version", "9", "version 9")],
)
def test_metadata_that_does_not_fit_is_told(path, key, text, match):
    rewrite(path, {}, {key: text})
    refused(path, match)


def test_expectations_name_both_sides():
    checkpoint = random_checkpoint()
    assert checkpoint.expecting(8, checkpoint.classes) is checkpoint
    with pytest.raises(InputError, match="8 hidden units, expected 32"):
        checkpoint.expecting(32, checkpoint.classes)
    with pytest.raises(InputError, match="4 classes"):
        checkpoint.expecting(None, ("a", "b"))


def test_bytes_make_a_small_file_and_keep_weights_to_half_a_step(tmp_path):
    before = random_checkpoint(inputs=40, hidden=32, classes=12)
    save_checkpoint(before, tmp_path / "whole.safetensors")
    save_checkpoint(before, tmp_path / "small.safetensors", compact=True)
    after = load_checkpoint(str(tmp_path / "small.safetensors"))
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("small", "whole")]
    assert sizes[0] < 0.4 * sizes[1]
    for name in ("lstm.weight_x", "lstm.weight_h"):
        half = np.abs(before.tensors[name]).max(axis=0) / 254
        assert (np.abs(after.tensors[name] - before.tensors[name]) <= half * (1 + 1e-5)).all()
    np.testing.assert_array_equal(after.tensors["lstm.bias"], before.tensors["lstm.bias"])
    save_checkpoint(after, tmp_path / "again.safetensors", compact=True)  # rounding twice changes nothing
    np.testing.assert_array_equal(
        load_checkpoint(str(tmp_path / "again.safetensors")).tensors["lstm.weight_x"], after.tensors["lstm.weight_x"]
    )


def test_bytes_without_fitting_steps_are_told(tmp_path):
    path = tmp_path / "net.safetensors"
    save_checkpoint(random_checkpoint(), path, compact=True)
    rewrite(path, {"lstm.weight_x.step": np.ones(3, np.float32)}, {})
    refused(path, "a float32 step for each column")
    save_checkpoint(random_checkpoint(), path, compact=True)
    rewrite(path, {"lstm.weight_x.step": None}, {})
    refused(path, "finite float32")


@pytest.mark.parametrize("name", shipped_checkpoints())
def test_every_shipped_checkpoint_has_a_card(name):
    text = (Path(__file__).resolve().parents[2] / "docs" / "model_cards.md").read_text()
    family = re.search(r"^(demo_keywords|speech_commands|python_topics|ptb_[a-z]+)_(.*)$", name)
    assert family, name
    heading = re.search(rf"^## .*\b{family[1]}_.*$", text, re.MULTILINE)
    assert heading, f"no card for {name}"
    assert name in heading[0] or f"{family[1]}_*" in heading[0]
