"""The page on devices does what it says."""

import re
import shlex
from pathlib import Path

from memramp.devices import load_preset, preset_names
from memramp.devices.device import Device
from memramp.devices.overrides import kinds_of
from memramp.experiments.cli import main
from memramp.experiments.loading import load_experiment

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "devices.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_does_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    exec(compile("\n".join(blocks("python")), "devices.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[0] == "0.0 37.5"
    for line in "".join(blocks("sh")).splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
    printed = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    for line in blocks("text")[1].splitlines():
        assert " ".join(line.split()) in printed
    assert load_preset("my.yaml").g_max == 150.0
    assert load_preset("neurosim.yaml").levels == (11.0, 23.0, 120.0)
    run = shlex.split(blocks("text")[2])[2:]
    experiment = load_experiment(ROOT / run[0], run[2::2])
    assert experiment.points[0].hardware.device == load_preset("my.yaml")


def test_the_page_names_every_kind_and_preset():
    for name in (*kinds_of(Device, "prog_noise"), *preset_names()):
        assert f"`{name}`" in PAGE
