"""What README and docs show, run or checked."""

import re
import shlex
from pathlib import Path

import pytest

from memramp.devices import preset_names
from memramp.experiments.cli import main
from memramp.models.checkpoint import shipped_checkpoints

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
README = (ROOT / "README.md").read_text()


def blocks(text):
    """Yield the (language, content) of the fenced blocks."""
    language, lines = None, []
    for line in text.splitlines():
        if not line.startswith("```"):
            lines.append(line)
        elif language is None:
            language, lines = line.removeprefix("```"), []
        else:
            yield language, "\n".join(lines)
            language = None


def commands(text):
    shell = [content for language, content in blocks(text) if language in ("", "bash")]
    return [line for content in shell for line in content.splitlines() if line.startswith("memramp ")]


def test_python_of_the_readme_runs(capsys):
    (program,) = [content for language, content in blocks(README) if language == "python"]
    exec(compile(program, "README.md", "exec"), {})
    assert re.search(r"uS; INL 0\.\d\d LSB", capsys.readouterr().out)


def test_export_command_of_the_readme_writes_its_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (line,) = [line for line in commands(README) if line.startswith("memramp ramp export")]
    assert main(shlex.split(line)[1:]) == 0
    assert (tmp_path / "sigmoid.csv").read_text().startswith("row,role,target_uS,threshold,level\n")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_files_of_a_document_exist(document):
    text = document.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if not link.startswith("http")]
    named = [word for line in commands(text) for word in shlex.split(line) if word.endswith(".yaml")]
    for name in links:
        assert (document.parent / name).exists(), name
    for name in named:
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_checkpoints_and_presets_of_a_document_exist(document):
    text = document.read_text()
    for name in re.findall(r"\b((?:demo_keywords|speech_commands)_(?:float|\w+_\dbit(?:_taught)?))\b", text):
        assert name in shipped_checkpoints(), name
    for name in re.findall(r"\byang2025_\w+\b", text):
        assert name in preset_names(), name
