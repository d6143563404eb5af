"""The real data sets, for the tests marked `data`."""

import io
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

PROJECT = Path(__file__).resolve().parent.parent


def absent(what: str) -> None:
    """Skip the test, or fail it where the data has to be there."""
    (pytest.fail if os.environ.get("MEMRAMP_REQUIRE_DATA") == "1" else pytest.skip)(what)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of the real data sets: that in MEMRAMP_DATA, or ../shared/data beside the project."""
    root = Path(os.environ.get("MEMRAMP_DATA") or PROJECT.parent / "shared" / "data")
    if not root.is_dir():
        absent(f"no real data in {root} (name its folder in MEMRAMP_DATA)")
    return root


@pytest.fixture(scope="session")
def speech_commands_validation(data_root, tmp_path_factory) -> Iterator[Path]:
    """The validation clips and the noises of Speech Commands in the archive's layout; no other clips."""
    source, root = data_root / "speech_commands", tmp_path_factory.mktemp("speech_commands_validation")
    files = [source / name for name in ("validation.zip", "background_noise.zip", "validation_list.txt")]
    if missing := [file for file in files if not file.is_file()]:
        absent(f"no {missing[0]}")
    for file in files[:2]:
        unpack(file, root)
    shutil.copyfile(files[2], root / "validation_list.txt")
    (root / "testing_list.txt").touch()
    yield root
    shutil.rmtree(root)  # 60 MB, which pytest would keep


def unpack(path: Path, root: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            target = (root / name).with_suffix(".wav")
            target.parent.mkdir(exist_ok=True)
            samples, rate = soundfile.read(io.BytesIO(archive.read(name)), dtype="int16")
            soundfile.write(target, samples, rate, subtype="PCM_16")
