"""The page on devices does what it says."""

import re
import shlex
from pathlib import Path

from memramp.devices import load_preset, preset_names
from memramp.devices.device import Device
from memramp.devices.overrides import kinds_of
from memramp.experiments.cli import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "devices.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_does_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    exec(compile("\n".join(blocks("python")), "devices.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[0] == "0.0 37.5"
    (tmp_path / "mem_states.csv").write_text("states,mean,std\n0,1.1E-05,1.1E-07\n1,2.3E-05,7.3E-08\n")
    for line in "".join(blocks("sh")).splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
    printed = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    for line in blocks("text")[1].splitlines():
        assert " ".join(line.split()) in printed
    assert load_preset("my.yaml").g_max == 150.0


def test_the_page_names_every_kind_and_preset():
    for name in (*kinds_of(Device, "prog_noise"), *preset_names()):
        assert f"`{name}`" in PAGE
