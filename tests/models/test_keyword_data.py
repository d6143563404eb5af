import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

from memramp.errors import InputError
from memramp.models.demo_keywords import load_demo_keywords
from memramp.models.features import mfcc
from memramp.models.keyword_data import TaskConfig, load_keyword_set, to_keyword_set
from memramp.models.speech_commands import KEYWORDS, LABELS, Clips


def clips(seed=0):
    samples = np.random.default_rng(seed).integers(-1000, 1000, (3, 16_000)).astype(np.int16)
    return Clips(samples, np.array([0, 2, 11]), ("a", "b", "c"))


@pytest.fixture(scope="module")
def canonical(tmp_path_factory):
    """The canonical test set with one clip of noise a class."""
    root, rng = tmp_path_factory.mktemp("canonical"), np.random.default_rng(2)
    for folder in ("_silence_", "_unknown_", *KEYWORDS):
        (root / folder).mkdir()
        soundfile.write(root / folder / "a.wav", rng.integers(-9000, 9000, 16_000).astype(np.int16), 16_000)
    return root


def test_default_task_needs_no_data():
    data = load_keyword_set(TaskConfig())
    assert data.sha256 == load_demo_keywords("testing").sha256
    assert len(data) == len(load_demo_keywords("testing"))


@pytest.mark.parametrize("split", ["training", "selection", "testing"])
def test_demo_splits_are_passed_on(split):
    np.testing.assert_array_equal(
        load_keyword_set(TaskConfig(split=split)).features, load_demo_keywords(split).features
    )


def test_speech_commands_become_features_in_the_order_of_the_clips(canonical):
    data = load_keyword_set(TaskConfig(kind="speech_commands", root=canonical))
    paths = [canonical / folder / "a.wav" for folder in (*KEYWORDS, "_unknown_", "_silence_")]
    samples = np.stack([soundfile.read(path, dtype="int16")[0] for path in paths])
    np.testing.assert_array_equal(data.features, mfcc(samples))
    assert data.labels.tolist() == [*range(2, 12), 1, 0]
    assert data.classes == LABELS
    assert data.description == "Speech Commands, balanced, testing, 12 clips"
    assert len(data) == 12


def test_hash_is_that_of_samples_and_labels():
    same, samples, labels = clips(), clips(seed=1), clips()
    labels.labels[1] = 3
    digests = [to_keyword_set(each, "").sha256 for each in (clips(), same, samples, labels)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    assert all(len(digest) == 64 for digest in digests)


def test_hash_does_not_depend_on_the_memory_layout():
    given = clips()
    other = Clips(np.asfortranarray(given.samples.astype(">i2")), given.labels.astype(np.int32), given.names)
    assert to_keyword_set(other, "").sha256 == to_keyword_set(given, "").sha256


def test_data_seed_is_apart_from_the_runs_seed():
    assert TaskConfig().data_seed == 0
    with pytest.raises(ValidationError):
        TaskConfig(data_seed=-1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "validation"}, "no split 'validation', allowed: training, selection, testing"),
        ({"root": "/data"}, "takes no root"),
        ({"variant": "paper"}, "only the variant 'balanced'"),
        ({"kind": "mnist"}, "'demo_keywords' or 'speech_commands'"),
        ({"split": "test"}, "'training', 'selection', 'validation' or 'testing'"),
        ({"roof": "/data"}, "roof"),
    ],
)
def test_tasks_that_do_not_exist_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        TaskConfig.model_validate(settings)


def test_root_not_set_says_how_to_get_the_data():
    with pytest.raises(InputError, match=r"task\.root.*not set; download http.*--set task\.root=DIR"):
        load_keyword_set(TaskConfig(kind="speech_commands"))


def test_root_missing_says_how_to_get_the_data(tmp_path):
    with pytest.raises(InputError, match=r"none: no such folder; .*download http"):
        load_keyword_set(TaskConfig(kind="speech_commands", root=tmp_path / "none"))
