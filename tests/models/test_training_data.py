import numpy as np
import pytest
from pydantic import ValidationError

from memramp.errors import InputError
from memramp.models import training_data
from memramp.models.augmentation import AugmentationConfig
from memramp.models.demo_keywords import load_demo_keywords
from memramp.models.keyword_set import KeywordSet
from memramp.models.speech_commands import SILENCE, UNKNOWN, Clips
from memramp.models.training_config import TrainingConfig
from memramp.models.training_data import TrainingData, load_training_data


def config(**blocks):
    return TrainingConfig.model_validate({"memramp": 1, "name": "x", **blocks})


def toy(thin):
    labels = np.array([SILENCE] * 3 + [UNKNOWN] * 20 + [2] * 4 + [3] * 6)
    versions = tuple(np.full((33, 2, 3), fill, np.float16) for fill in (0.0, 6.0))
    nothing = KeywordSet(np.zeros((0, 2, 3), np.float32), np.zeros(0, np.int64), ("a",), "", "")
    return TrainingData(versions, labels, np.zeros(3, np.float32), np.full(3, 4.0, np.float32), nothing, thin, "")


def test_an_epoch_samples_unknown_clips_afresh_down_to_the_size_of_a_keyword():
    data = toy(thin=True)
    epochs = [data.epoch(0, np.random.default_rng(seed)) for seed in range(2)]
    for features, labels in epochs:
        assert np.bincount(labels).tolist() == [3, 5, 4, 6]
        assert features.shape == (18, 2, 3)
    assert data.epoch_size == 18
    assert not np.array_equal(epochs[0][1], epochs[1][1])  # another order


def test_without_thinning_every_clip_is_in_every_epoch():
    assert np.bincount(toy(thin=False).epoch(0, np.random.default_rng(0))[1]).tolist() == [3, 20, 4, 6]


def test_versions_take_turns_and_features_are_clipped_to_full_pulses():
    data = toy(thin=False)
    assert (data.epoch(2, np.random.default_rng(0))[0] == 0.0).all()
    assert (data.epoch(3, np.random.default_rng(0))[0] == 1.0).all()


def test_demo_training_data_is_normalised_by_its_words():
    data = load_training_data(config())
    demo = load_demo_keywords("training")
    words = demo.features[demo.labels != SILENCE]
    np.testing.assert_allclose(data.mean, words.mean(axis=(0, 1)), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(data.scale, 3 * words.std(axis=(0, 1)), rtol=1e-3)
    features, labels = data.epoch(0, np.random.default_rng(0))
    assert np.abs(features).max() == 1.0
    assert len(labels) == len(demo)


def test_missing_root_says_how_to_get_the_data():
    with pytest.raises(InputError, match=r"download http.*--set task.root=DIR"):
        load_training_data(config(task={"kind": "speech_commands"}))


def test_demo_set_cannot_be_augmented():
    with pytest.raises(ValidationError, match="waveforms are not embedded"):
        config(augmentation={"versions": 3})


@pytest.fixture
def cached(tmp_path):
    settings = config(
        task={"kind": "speech_commands", "root": str(tmp_path)},
        training={"feature_cache": str(tmp_path / "cache")},
        augmentation=AugmentationConfig(versions=2).model_dump(),
    )
    samples = np.random.default_rng(0).integers(-9000, 9000, (4, 16000)).astype(np.int16)
    clips = Clips(samples, np.array([SILENCE, UNKNOWN, 2, 3]), ("a", "b", "c", "d"))
    noises = [np.random.default_rng(1).integers(-900, 900, 30000).astype(np.int16)]
    return settings, clips, noises


def test_augmented_versions_come_back_from_the_cache(cached, monkeypatch):
    settings, clips, noises = cached
    first = training_data._version(settings, clips, noises, 1)
    monkeypatch.setattr(training_data, "_augment", None)  # would fail if it were called
    np.testing.assert_array_equal(training_data._version(settings, clips, noises, 1), first)


def test_silence_is_cut_anew_in_each_version(cached):
    settings, clips, noises = cached
    plain = settings.model_copy(update={"augmentation": AugmentationConfig(versions=2, noise_probability=0.0)})
    first, second = (training_data._augment(plain, clips, noises, number) for number in range(2))
    assert not np.array_equal(first[0], second[0])


def test_damaged_cache_is_told(cached):
    settings, clips, noises = cached
    training_data._version(settings, clips, noises, 0)
    (path,) = settings.training.feature_cache.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged feature cache"):
        training_data._version(settings, clips, noises, 0)
