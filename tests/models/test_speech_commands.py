"""Both layouts of Speech Commands, in miniature: the sound of a clip says which file it came from."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from memramp.errors import InputError
from memramp.models.speech_commands import (
    KEYWORDS,
    LABELS,
    NOISE_SPANS,
    PAPER_CROPS,
    SILENCE,
    UNKNOWN,
    URL,
    load_clips,
    load_noises,
    speaker,
)
from memramp.streams import Streams

RATE = 16_000
OTHERS = ("bed", "cat", "zero")
LISTED = {"validation": range(100, 102), "testing": range(200, 202)}  # speakers
SHORT = f"yes/{1:08x}_nohash_0.wav"  # this clip is half a second long
SPLITS = ("training", "selection", "validation", "testing")


def clip(level, n=RATE):
    return np.full(n, level, np.int16)


def write(path, samples, rate=RATE):
    path.parent.mkdir(exist_ok=True, parents=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")


def build(root: Path, others: int) -> Path:
    """Write an archive in which every speaker, `others` of them not listed, says every word once."""
    lists = {split: [] for split in LISTED}
    for w, word in enumerate((*KEYWORDS, *OTHERS)):
        for s in (*range(others), *LISTED["validation"], *LISTED["testing"]):
            name = f"{word}/{s:08x}_nohash_0.wav"
            write(root / name, clip(1000 + 300 * w + s, RATE // 2 if name == SHORT else RATE))
            for split, speakers in LISTED.items():
                lists[split] += [f"{name}\n"] * (s in speakers)
    for split, names in lists.items():
        (root / f"{split}_list.txt").write_text("".join(names))
    for i, name in enumerate(("hum", "rain")):
        ramp = np.arange(22 * RATE) // 32 + 1 + 11_500 * i  # says how far into the noise a crop is
        write(root / "_background_noise_" / f"{name}.wav", ramp.astype(np.int16))
    (root / "_background_noise_" / "README.md").write_text("About the noises")
    (root / "LICENSE").write_text("CC BY 4.0")
    return root


def build_canonical(root: Path) -> Path:
    for w, word in enumerate((*KEYWORDS, "_silence_", "_unknown_")):
        for s in range(2):
            write(root / word / f"{s}.wav", clip(1000 + 300 * w + s, RATE - 100 * s))
    return root


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return build(tmp_path_factory.mktemp("archive"), others=6)


@pytest.fixture(scope="module")
def canonical(tmp_path_factory):
    return build_canonical(tmp_path_factory.mktemp("canonical"))


@pytest.fixture
def broken(tmp_path):
    """An archive of its own for each test, to break."""
    return build(tmp_path / "data", others=0)


def load(root, split="validation", variant="balanced", seed=3, **how):
    how.setdefault("selection_fraction", 0.4)
    return load_clips(root, split, variant, Streams(seed), **how)


def refused(root, split="validation", variant="balanced", **how):
    with pytest.raises(InputError) as caught:
        load(root, split, variant, **how)
    message = str(caught.value)
    assert "\n" not in message
    assert str(root) in message
    return message.replace(str(root), "ROOT")


def words_of(clips):
    return [name for name, label in zip(clips.names, clips.labels, strict=True) if label != SILENCE]


def test_labels_are_those_of_the_task():
    assert LABELS == ("silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


@pytest.mark.parametrize("split", SPLITS)
def test_clips_are_one_second_with_the_label_of_their_folder(archive, split):
    clips = load(archive, split, subsample=False)
    assert clips.samples.shape == (len(clips), RATE)
    assert clips.samples.dtype == np.int16
    assert clips.labels.dtype == np.int64
    for name, label, samples in zip(clips.names, clips.labels, clips.samples, strict=True):
        word, file = name.split("/")
        if word == "_background_noise_":
            assert label == SILENCE
            continue
        assert LABELS[label] == (word if word in KEYWORDS else "unknown")
        assert samples[0] == 1000 + 300 * (*KEYWORDS, *OTHERS).index(word) + int(file[:8], 16)


def test_listed_clips_make_up_validation_and_testing(archive):
    for split in ("validation", "testing"):
        listed = (archive / f"{split}_list.txt").read_text().split()
        assert sorted(words_of(load(archive, split, subsample=False))) == sorted(listed)


def test_every_other_clip_is_in_training_or_selection_by_its_speaker(archive):
    parts = {split: words_of(load(archive, split, subsample=False)) for split in SPLITS}
    spoken = {f"{path.parent.name}/{path.name}" for path in archive.glob("[a-z]*/*.wav")}
    assert Counter(name for part in parts.values() for name in part) == Counter(spoken)
    speakers = {split: {speaker(Path(name)) for name in names} for split, names in parts.items()}
    assert all(speakers.values())
    assert sum(map(len, speakers.values())) == len(set.union(*speakers.values()))


def test_selection_takes_about_its_fraction_of_the_speakers(archive):
    assert len(words_of(load(archive, "training", subsample=False, selection_fraction=0.0))) == 6 * 13
    assert len(words_of(load(archive, "selection", subsample=False, selection_fraction=1.0))) == 6 * 13
    assert "no clip of the class" in refused(archive, "selection", selection_fraction=0.0)


def test_all_of_a_speakers_clips_go_the_same_way(tmp_path):
    root = build(tmp_path, others=6)
    for number in range(1, 4):
        write(root / "yes" / f"{1:08x}_nohash_{number}.wav", clip(number))
    sides = [
        {name for name in words_of(load(root, split)) if name.startswith(f"yes/{1:08x}")}
        for split in ("training", "selection")
    ]
    assert sorted(map(len, sides)) == [0, 4]


@pytest.mark.parametrize("split", SPLITS)
def test_balanced_classes_are_of_the_size_of_a_keyword(archive, split):
    counts = np.bincount(load(archive, split).labels, minlength=12)
    assert (counts == counts[2]).all()
    assert counts[2] > 0


def test_without_subsampling_all_unknown_clips_stay_and_silence_is_the_same(archive):
    thin, full = load(archive), load(archive, subsample=False)
    assert np.bincount(full.labels).tolist() == [2, 6, *[2] * 10]
    assert set(thin.names) < set(full.names)


def test_each_unknown_clip_can_be_chosen(archive):
    chosen = Counter()
    for seed in range(40):
        clips = load(archive, "testing", seed=seed)
        chosen.update(name for name, label in zip(clips.names, clips.labels, strict=True) if label == UNKNOWN)
    assert len(chosen) == 6
    assert sum(chosen.values()) == 2 * 40


def test_paper_variant_keeps_all_unknown_clips_and_has_its_own_silence(archive):
    for split, crops in PAPER_CROPS.items():
        clips = load(archive, split, "paper")
        full = load(archive, split, subsample=False)
        noises = Counter(name.split("@")[0] for name in clips.names if name.startswith("_background_noise_"))
        assert noises == {f"_background_noise_/{name}.wav": crops for name in ("hum", "rain")}
        assert set(words_of(full)) - set(words_of(clips)) <= {SHORT}


def test_short_clips_are_padded_at_their_end_or_dropped(archive):
    split = next(split for split in ("training", "selection") if SHORT in load(archive, split).names)
    clips = load(archive, split)
    samples = clips.samples[clips.names.index(SHORT)]
    assert (samples[: RATE // 2] == 1001).all()
    assert (samples[RATE // 2 :] == 0).all()
    assert SHORT not in load(archive, split, "paper").names


def test_long_clips_are_cut_or_dropped(broken):
    name = f"go/{100:08x}_nohash_0.wav"
    write(broken / name, np.arange(RATE + 5, dtype=np.int16))
    clips = load(broken)
    np.testing.assert_array_equal(clips.samples[clips.names.index(name)], np.arange(RATE, dtype=np.int16))
    paper = load(broken, variant="paper")
    assert name not in paper.names
    assert len(paper.samples) == len(paper.labels) == len(paper.names)


@pytest.mark.parametrize("variant", ["balanced", "paper"])
def test_silence_of_the_splits_comes_from_disjoint_spans(archive, variant):
    heard = {}
    for split in SPLITS:
        clips = load(archive, split, variant)
        heard[split] = {int(level) for level in np.unique(clips.samples[clips.labels == SILENCE])}
    for a in SPLITS:
        for b in SPLITS:
            assert a == b or not heard[a] & heard[b]


def test_spans_of_noise_follow_one_another_to_the_end(archive):
    whole, _ = soundfile.read(archive / "_background_noise_" / "hum.wav", dtype="int16")
    parts = [load_noises(archive, split)["hum.wav"] for split in SPLITS]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert list(NOISE_SPANS) == list(SPLITS)


def test_names_of_silence_say_where_it_was_cut(archive):
    clips, noises = load(archive, "training"), load_noises(archive, "training")
    silent = np.flatnonzero(clips.labels == SILENCE)
    for i in silent:
        file, place = clips.names[i].removeprefix("_background_noise_/").split("@training+")
        np.testing.assert_array_equal(clips.samples[i], noises[file][int(place) : int(place) + RATE])
    assert len({clips.names[i] for i in silent}) == len(silent)


@pytest.mark.parametrize("variant", ["balanced", "paper"])
def test_one_seed_gives_the_same_clips_and_another_seed_others(archive, variant):
    first, again, other = (load(archive, "validation", variant, seed) for seed in (3, 3, 4))
    assert first.names == again.names
    np.testing.assert_array_equal(first.samples, again.samples)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.names != other.names


def test_canonical_test_set_is_read_whole(canonical):
    clips = load(canonical, "testing")
    assert np.bincount(clips.labels).tolist() == [2] * 12
    assert clips.names[:2] == ("yes/0.wav", "yes/1.wav")
    assert clips.names[-4:] == ("_unknown_/0.wav", "_unknown_/1.wav", "_silence_/0.wav", "_silence_/1.wav")
    assert (clips.labels[-4:] == [UNKNOWN, UNKNOWN, SILENCE, SILENCE]).all()
    assert (clips.samples[1::2, -100:] == 0).all()
    assert (clips.samples[1::2, :-100] == clips.samples[1::2, :1]).all()


@pytest.mark.parametrize(
    ("split", "variant"), [("validation", "balanced"), ("training", "balanced"), ("testing", "paper")]
)
def test_canonical_test_set_has_one_split_of_one_variant(canonical, split, variant):
    assert f"only, found '{split}' of '{variant}'" in refused(canonical, split, variant)


@pytest.mark.parametrize(
    ("folder", "message"),
    [("_silence_", "lacks the folder '_silence_'"), ("stop", "the word folder 'stop' is missing")],
)
def test_canonical_test_set_without_a_folder(tmp_path, folder, message):
    root = build_canonical(tmp_path)
    (root / folder).rename(tmp_path / "elsewhere")
    assert message in refused(root, "testing")


@pytest.mark.parametrize(("folder", "name"), [("_silence_", "silence"), ("_unknown_", "unknown"), ("go", "go")])
def test_canonical_test_set_with_an_empty_folder(tmp_path, folder, name):
    root = build_canonical(tmp_path)
    for path in (root / folder).iterdir():
        path.unlink()
    assert refused(root, "testing") == f"ROOT: the split 'testing' has no clip of the class '{name}'"


def test_missing_root_says_how_to_get_the_data(tmp_path):
    message = refused(tmp_path / "none")
    assert message.startswith("ROOT: no such folder; ")
    assert f"download {URL}" in message
    assert "unpack" in message


def test_folder_without_the_words(tmp_path):
    assert refused(tmp_path).startswith("ROOT: no Speech Commands data, the word folder 'yes' is missing; ")


@pytest.mark.parametrize("name", ["validation_list.txt", "testing_list.txt"])
@pytest.mark.parametrize("split", ["training", "validation"])
def test_missing_list_file(broken, name, split):
    (broken / name).unlink()
    assert refused(broken, split) == f"ROOT/{name}: no such file or directory (a list of the archive {URL})"


def test_list_file_that_is_no_text(broken):
    (broken / "testing_list.txt").write_bytes(b"yes/\xff\xfe")
    assert refused(broken) == "ROOT/testing_list.txt: not UTF-8 text (byte 4)"


def test_list_file_beyond_measure(broken, monkeypatch):
    monkeypatch.setattr("memramp.models.speech_commands._MAX_LIST_BYTES", 10)
    assert refused(broken) == "ROOT/validation_list.txt: larger than any list of clips (at most 10 bytes)"


def test_listed_clip_missing(broken):
    name = f"no/{100:08x}_nohash_0.wav"
    (broken / name).unlink()
    assert refused(broken) == f"ROOT/validation_list.txt: lists '{name}'; 1 of its clips are missing"


@pytest.mark.parametrize("trick", ["../x.wav", "yes/../../x.wav", "{outside}", "x.wav", "_background_noise_/hum.wav"])
def test_lists_cannot_name_files_outside_the_word_folders(broken, trick):
    outside = broken.parent / "x.wav"
    write(outside, clip(7))
    write(broken / "x.wav", clip(7))
    trick = trick.format(outside=outside)
    with (broken / "validation_list.txt").open("a") as file:
        file.write(f"{trick}\n")
    message = refused(broken)
    assert message.endswith("; 1 of its clips are missing")
    assert trick.replace(str(broken), "ROOT")[:100] in message
    clips = load(broken, "testing")  # whose own list is in order
    assert not (clips.samples == 7).all(axis=1).any()


def test_control_characters_of_a_list_do_not_reach_the_terminal(broken):
    with (broken / "validation_list.txt").open("a") as file:
        file.write("\x1b[31myes/a.wav\n")
    assert refused(broken).isprintable()


def test_lists_may_have_windows_line_ends_and_empty_lines(broken):
    expected = load(broken)
    path = broken / "validation_list.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert load(broken).names == expected.names


@pytest.mark.parametrize("words", [("stop",), OTHERS])
def test_a_class_without_clips_is_no_smaller_task(broken, words):
    path = broken / "validation_list.txt"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if line.split("/")[0] not in words))
    missing = words[0] if words[0] in KEYWORDS else "unknown"
    assert refused(broken) == f"ROOT: the split 'validation' has no clip of the class '{missing}'"


def broken_file(path, kind):
    if kind == "text":
        path.write_text("I am a WAV file\n" * 50)
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:-2000])
    elif kind == "8 kHz":
        write(path, clip(5, 8000), 8000)
    elif kind == "stereo":
        write(path, np.zeros((RATE, 2), np.int16))
    else:
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text", "not a readable audio file ("),
        ("truncated", "truncated, "),
        ("8 kHz", "found 8000 samples per second"),
        ("stereo", "found 2 channels"),
        ("folder", "not a file"),
    ],
)
@pytest.mark.parametrize("name", [f"down/{101:08x}_nohash_0.wav", "_background_noise_/rain.wav"])
def test_broken_sound_is_named(broken, name, kind, message):
    broken_file(broken / name, kind)
    assert refused(broken).startswith(f"ROOT/{name}: {message}")


def test_archive_without_noise(broken):
    (broken / "_background_noise_").rename(broken.parent / "elsewhere")
    assert refused(broken).startswith("ROOT/_background_noise_: no noise recordings (*.wav)")


def test_noise_too_short_for_disjoint_spans(broken):
    write(broken / "_background_noise_" / "rain.wav", clip(3, 5 * RATE))
    assert refused(broken) == (
        "ROOT/_background_noise_/rain.wav: 80000 samples are too few for disjoint crops of noise (at least 320000)"
    )


@pytest.mark.parametrize(("split", "variant"), [("train", "balanced"), ("testing", "paper2")])
def test_unknown_names_are_a_programming_error(archive, split, variant):
    with pytest.raises(ValueError, match="no split"):
        load_clips(archive, split, variant, Streams(3))
