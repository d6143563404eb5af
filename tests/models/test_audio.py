import numpy as np
import pytest
import soundfile

from memramp.errors import InputError
from memramp.models import audio
from memramp.models.audio import read_clip

RATE = 16_000
SOUND = np.random.default_rng(0).integers(-(2**15), 2**15, 4000).astype(np.int16)


@pytest.fixture
def write(tmp_path):
    def write_sound(samples=SOUND, rate=RATE, name="clip.wav", **how):
        soundfile.write(tmp_path / name, samples, rate, **how)
        return tmp_path / name

    return write_sound


def refused(path):
    """Return the message for a file, which has to be one sentence that starts with the file's name."""
    with pytest.raises(InputError) as caught:
        read_clip(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", ["clip.wav", "clip.flac"])
def test_samples_come_as_they_are_in_the_file(write, name):
    samples = read_clip(write(name=name, subtype="PCM_16"))
    assert samples.dtype == np.int16
    np.testing.assert_array_equal(samples, SOUND)


def test_a_path_may_be_text(write):
    np.testing.assert_array_equal(read_clip(str(write())), SOUND)


def test_missing_file(tmp_path):
    assert refused(tmp_path / "none.wav") == "no such file"


def test_folder_in_place_of_a_file(tmp_path):
    assert refused(tmp_path) == "not a file"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"rate": 8000}, "found 8000 samples per second, allowed: 16000"),
        ({"samples": SOUND.reshape(-1, 2)}, "found 2 channels, allowed: 1 (mono)"),
        ({"subtype": "PCM_24"}, "found samples of type PCM_24, allowed: PCM_16"),
        ({"subtype": "FLOAT"}, "found samples of type FLOAT, allowed: PCM_16"),
        ({"format": "AIFF", "subtype": "PCM_16"}, "found a file of type AIFF, allowed: WAV or FLAC"),
        ({"samples": SOUND[:0]}, "found 0 samples, allowed: 1 to 9600000"),
    ],
)
def test_other_sounds_are_refused(write, how, message):
    assert refused(write(**how)) == message


@pytest.mark.parametrize("content", [b"", b"RIFF", b"yes, this is text\n" * 100, b"\0" * 100])
def test_what_is_no_sound_is_refused(tmp_path, content):
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    assert refused(path).startswith("not a readable audio file (")


@pytest.mark.parametrize("kept", [-1, -4000, 44 + 1, 44])
def test_truncated_wav_is_not_read_as_a_shorter_clip(write, kept):
    path = write()
    content = path.read_bytes()[:kept]
    path.write_bytes(content)
    assert refused(path) == f"truncated, {len(content) - 44} of 8000 bytes of sound are there"


def test_wav_cut_within_its_header(write):
    path = write()
    path.write_bytes(path.read_bytes()[:30])
    assert refused(path) == "truncated, its WAV header has no data chunk"


@pytest.mark.parametrize("cut", [1, 1000, 4000])
def test_truncated_flac(write, cut):
    path = write(name="clip.flac")
    path.write_bytes(path.read_bytes()[:-cut])
    assert refused(path).startswith(("truncated, ", "not a readable audio file ("))


def test_chunks_before_the_sound_are_passed_over(write):
    path = write()
    content = path.read_bytes()
    odd = b"note" + (3).to_bytes(4, "little") + b"abc\0"  # padded to an even length
    riff = b"RIFF" + (len(content) - 8 + len(odd)).to_bytes(4, "little")
    path.write_bytes(riff + content[8:36] + odd + content[36:])
    np.testing.assert_array_equal(read_clip(path), SOUND)


def test_wav_from_a_pipe_with_an_unknown_length_is_read_to_its_end(write):
    path = write()
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 4 + content[8:40] + b"\xff" * 4 + content[44:])
    np.testing.assert_array_equal(read_clip(path), SOUND)


def test_endless_files_are_not_opened(write, monkeypatch):
    path = write()
    monkeypatch.setattr(audio, "MAX_BYTES", 8000)
    assert refused(path) == "found 8044 bytes, allowed: at most 8000"
