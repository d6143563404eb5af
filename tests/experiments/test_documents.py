"""What README and docs show, run or checked."""

import re
import shlex
from pathlib import Path

import pytest

from memramp.devices import preset_names
from memramp.experiments.cli import main
from memramp.models.checkpoint import shipped_checkpoints
from memramp.peripherals import load_table

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


@pytest.mark.usefixtures("without_figures")
def test_run_of_the_readme_prints_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (shown,) = [content for language, content in blocks(README) if language == "text"]
    assert main(["run", str(ROOT / "experiments" / "kws.yaml")]) == 0
    assert capsys.readouterr().out == f"{shown}\n"


def test_export_command_of_the_readme_writes_its_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (line,) = [line for line in commands(README) if line.startswith("memramp ramp export")]
    assert main(shlex.split(line)[1:]) == 0
    assert list(load_table(tmp_path / "sigmoid.csv").ramps) == ["sigmoid"]


def test_the_page_for_the_laboratory_does_what_it_says(tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "lab.md").read_text()
    monkeypatch.chdir(tmp_path)
    codes = {}
    for line in commands(page):
        codes[line] = main(shlex.split(line)[1:])
    checks = [code for line, code in codes.items() if line.startswith("memramp ramp check")]
    assert checks == [1, 0]
    assert all(code == 0 for line, code in codes.items() if not line.startswith("memramp ramp check"))
    (shown,) = [content for language, content in blocks(page) if language == "text"]
    printed = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert " ".join(shown.splitlines()[-1].split()) in printed


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_files_of_a_document_exist(document):
    text = document.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if not link.startswith("http")]
    named = [word for line in commands(text) for word in shlex.split(line) if word.endswith(".yaml")]
    for name in links:
        assert (document.parent / name).exists(), name
    for name in named:
        shown = f"with `{name}`:\n\n```yaml" in text  # a reader's own file, given on the page
        assert shown or (ROOT / name).exists(), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_checkpoints_and_presets_of_a_document_exist(document):
    text = document.read_text()
    families, kinds = "demo_keywords|speech_commands|python_topics", r"float|(?:\w+_)?\dbit(?:_taught)?"
    for name in re.findall(rf"\b((?:{families})_(?:{kinds}))\b", text):
        assert name in shipped_checkpoints(), name
    for name in re.findall(r"\byang2025_\w+\b", text):
        assert name in preset_names(), name
