"""The embedded demonstration set, and the plan of the tool that makes it."""

import json
import shutil
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import memramp.models
from memramp.models.analog_network import accuracy
from memramp.models.checkpoint import load_checkpoint
from memramp.models.demo_keywords import load_demo_keywords
from memramp.models.speech_commands import LABELS, SILENCE
from memramp.streams import Streams
from tools import make_demo_keywords as tool

FILE = Path(memramp.models.__file__).parent / "data" / "demo_keywords.safetensors"
SIZES = {"training": 108, "selection": 12, "testing": 42}


@pytest.fixture(scope="module")
def stored():
    with safe_open(FILE, framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118  no dict


@pytest.mark.parametrize(("split", "per_class"), SIZES.items())
def test_classes_are_balanced_and_in_the_tasks_order(split, per_class):
    data = load_demo_keywords(split)
    assert data.classes == LABELS
    assert np.bincount(data.labels).tolist() == [per_class] * 12
    assert data.labels.dtype == np.int64
    assert data.features.shape == (12 * per_class, 49, 40)
    assert data.features.dtype == np.float32
    assert data.description == f"synthetic demonstration set, {split}, {12 * per_class} clips"


@pytest.mark.parametrize("split", SIZES)
def test_features_are_finite_and_each_clip_is_another(split):
    data = load_demo_keywords(split)
    assert np.isfinite(data.features).all()
    assert len({clip.tobytes() for clip in data.features}) == len(data)


def test_no_clip_is_in_two_splits():
    clips = Counter(clip.tobytes() for split in SIZES for clip in load_demo_keywords(split).features)
    assert set(clips.values()) == {1}


def test_file_is_small_and_the_digest_is_that_of_the_file():
    content = FILE.read_bytes()
    assert len(content) < 4_000_000
    assert {load_demo_keywords(split).sha256 for split in SIZES} == {sha256(content).hexdigest()}


def test_file_says_what_it_is(stored):
    tensors, about = stored
    assert json.loads(about["classes"]) == list(LABELS)
    assert json.loads(about["speakers"]) == tool.SPEAKERS
    assert about["seed"] == str(tool.SEED)
    assert about["synthesiser"].startswith("eSpeak NG ")
    assert {name: tensor.dtype.name for name, tensor in tensors.items()} == {
        "features": "int8", "labels": "int8", "split": "int8", "offset": "float32", "step": "float32",
    }  # fmt: skip


def test_few_features_are_beyond_the_range_of_the_integers(stored):
    tensors, _ = stored
    words = tensors["features"][tensors["labels"] != SILENCE]
    assert np.mean(np.abs(words) == 127) < 0.005


def test_float_network_knows_most_test_words():
    data = load_demo_keywords("testing")
    assert accuracy(load_checkpoint("demo_keywords_float").float_logits(data.features), data.labels) > 90.0


def test_file_follows_the_tools_plan(stored):
    tensors, _ = stored
    plan = tool.plan()
    assert tensors["labels"].tolist() == [spoken.label for spoken in plan]
    assert tensors["split"].tolist() == [list(SIZES).index(spoken.split) for spoken in plan]
    assert tool.PER_CLASS == SIZES


def test_speakers_of_the_splits_are_drawn_apart():
    drawn = tool.speakers(Streams(tool.SEED))
    assert len(drawn) == len(set(drawn.values())) == sum(tool.SPEAKERS.values()) == 200
    assert {accent for accent, _ in drawn.values()} == set(tool.ACCENTS)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs the program espeak-ng")
def test_each_speaker_sounds_different(tmp_path):
    # The program speaks with its default voice, and succeeds, when it can't find the one asked for.
    synthesiser = tool.Synthesiser(tmp_path, Streams(tool.SEED))
    synthesiser.speakers = {key: synthesiser.speakers[key] for key in [*synthesiser.speakers][::10]}
    synthesiser.refuse_equal_speakers()
    one = next(iter(synthesiser.speakers))
    synthesiser.speakers["testing", 99] = synthesiser.speakers[one]
    with pytest.raises(SystemExit, match="sound the same"):
        synthesiser.refuse_equal_speakers()


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs the program espeak-ng")
def test_accents_obey_the_voice_variant(tmp_path):
    synthesiser = tool.Synthesiser(tmp_path, Streams(tool.SEED))
    _, variant = synthesiser.speakers["training", 0]
    higher = f"{variant}pitch 200 300\n"
    for accent in tool.ACCENTS:
        synthesiser.speakers = {("training", 0): (accent, variant), ("training", 1): (accent, higher)}
        synthesiser.refuse_equal_speakers()


def test_warnings_of_the_synthesiser_stop_the_tool():
    with pytest.raises(SystemExit, match="maximum number"):
        tool._run([sys.executable, "-c", "import sys; print('maximum number of voices reached', file=sys.stderr)"])


@pytest.mark.parametrize("split", SIZES)
def test_speakers_say_about_equally_much_and_a_word_is_said_by_many(split):
    words = [spoken for spoken in tool.plan() if spoken.split == split and spoken.word]
    said = Counter(spoken.speaker for spoken in words)
    assert set(said) == set(range(tool.SPEAKERS[split]))
    assert max(said.values()) - min(said.values()) <= 2
    yes = {spoken.speaker for spoken in words if spoken.word == "yes"}
    assert len(yes) >= 0.7 * min(tool.SPEAKERS[split], SIZES[split])


def test_noises_have_unit_power_and_clips_fit_the_integers():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        assert tool._noise(rng).std() == pytest.approx(1.0)
        clip = tool.make_clip(tool.Spoken(None, SILENCE, -1, "testing"), None, rng)
        assert clip.shape == (16_000,)
        assert 327 <= np.abs(clip.astype(int)).max() <= 32_767


def test_quantised_features_come_back_within_half_a_step():
    rng = np.random.default_rng(0)
    features = rng.normal(3.0, np.linspace(1, 50, 40), (20, 49, 40)).astype(np.float32)
    stored = tool.quantise(features, np.ones(20, bool))
    back = stored["features"] * stored["step"] + stored["offset"]
    inside = np.abs(stored["features"]) < 127
    assert inside.mean() > 0.999
    assert (np.abs(back - features) / stored["step"])[inside].max() <= 0.501
