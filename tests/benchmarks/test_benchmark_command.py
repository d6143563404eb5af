"""``python -m benchmarks``: results, report, figure and page, from one small case; no time is judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import cold_start
from benchmarks.__main__ import load_results
from benchmarks.cases import CASES
from benchmarks.docs import PLACE, TEMPLATE, page
from benchmarks.measure import judge
from benchmarks.protocol import repeat
from benchmarks.report import seconds, terminal
from benchmarks.table import Bar
from benchmarks.workers import MODULES, ROOT


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    file = tmp_path_factory.mktemp("benchmark") / "results.json"
    assert command.main(["--quick", "--case", "ramp_yield", "--threads", "1", "--json", str(file)]) == 0
    return file


def case_called(name):
    return next(case for case in CASES if case.name == name)


def test_list_names_every_case(capsys):
    assert command.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [case.name for case in CASES]


def test_results_are_json_with_all_repetitions(results):
    content = json.loads(results.read_text())
    assert content["quick"] is True
    assert content["threads"] == [1]
    assert {"processor", "cores", "memory_gb", "system", "load", "variables"} == content["machine"].keys()
    assert content["versions"].keys() >= {"memramp", "numpy", "numba", "Python"}
    assert all(limit["best"] > 0 for limit in content["limits"]["1"].values())
    (case,) = content["cases"]
    assert [row["contender"] for row in case["rows"]] == [each.name for each in case_called("ramp_yield").contenders]
    assert all(row["best"] <= row["median"] for row in case["rows"])
    assert all(row["best"] == min(row["seconds"]) > 0 for row in case["rows"])


def test_results_can_be_shown_again(results, capsys):
    assert command.main(["--from", str(results)]) == 0
    assert "its normal draws alone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--case", "nosuch"], "--case: no case is called 'nosuch'; known are noisy_product"),
        (["--threads", "0"], "--threads: expected numbers of threads such as 1,2, found '0'"),
        (["--peer-python", "/no/such/python"], "--peer-python: there is no interpreter '/no/such/python'"),
        (["--from", "/no/such/file.json"], "/no/such/file.json"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, text, capsys):
    assert command.main(arguments) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1


def test_a_file_of_something_else_is_refused(tmp_path, capsys):
    file = tmp_path / "x.json"
    file.write_text('{"schema": 99}')
    assert command.main(["--from", str(file)]) == 2
    assert f"{file}: not a file of results" in capsys.readouterr().err


def test_a_bar_is_judged_by_medians_and_a_missing_peer_is_named():
    bar = next(bar for bar in case_called("noisy_product").bars if bar.against == "NumPy sgemm")
    own = {"contender": "memramp", "threads": 2, "median": 3.0, "best": 1.0}
    rival = {"contender": "NumPy sgemm", "threads": 2, "median": 0.5, "best": 0.5}
    verdict = judge(bar, [own, rival], 2)
    assert (verdict["ratio"], verdict["ratio_of_best"], verdict["met"]) == (6.0, 2.0, False)
    missing = {"contender": "NumPy sgemm", "threads": 2, "problem": "numpy is not installed"}
    assert judge(bar, [own, missing], 2)["problem"] == "numpy is not installed"


@pytest.mark.parametrize(
    ("bar", "own", "rival", "ratio", "met"),
    [
        (Bar("", "a", 3.0, "b"), 6.0, 2.0, 3.0, True),
        (Bar("", "a", 3.0, "b", at_least=True), 1.0, 2.0, 2.0, False),
        (Bar("", "a", 10.0, "b", excess=True), 12.0, 3.0, 9.0, True),
        (Bar("", "a", 2.0), 2.5, None, 2.5, False),
    ],
)
def test_kinds_of_bars(bar, own, rival, ratio, met):
    assert bar.ratio(own, rival) == ratio
    assert bar.met(ratio) is met


def test_repetitions_end_by_number_or_time_but_run_at_least_once():
    calls = []
    work = lambda: calls.append(1) or {"found": 5.0}  # noqa: E731
    assert len(repeat(work, most=3, least=60.0)["seconds"]) == 3
    reply = repeat(work, most=3, least=0.0)
    assert len(reply["seconds"]) == 1
    assert reply["values"] == {"found": 5.0}
    assert len(calls) == 4


def test_a_peer_that_is_not_installed_is_named(results):
    content = json.loads(results.read_text())
    content["missing"] = {"aihwkit": "No module named 'aihwkit'"}
    assert "not installed: aihwkit (No module named 'aihwkit')" in list(terminal(content))


def test_a_machine_that_tells_no_load_is_shown_without(results):
    content = json.loads(results.read_text())
    content["machine"] |= {"load": None, "memory_gb": 8}
    assert next(iter(terminal(content))).endswith(" cores, 8 GB")


@pytest.mark.parametrize(("value", "text"), [(1.5, "1.5 s"), (0.0123, "12.3 ms"), (4e-6, "4 us"), (2000.0, "2,000 s")])
def test_times_have_fitting_units(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize("script", sorted({*MODULES.values()} - {MODULES["memramp"]}))
def test_the_peers_scripts_import_neither_the_peer_nor_memramp(script):
    program = f"import sys, {script}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    assert "benchmarks" in imported
    assert not {*imported} & MODULES.keys()


def test_the_cache_of_a_cold_start_goes_with_the_work(monkeypatch):
    caches = []

    def child(_what, cache):
        cache.mkdir(exist_ok=True)
        caches.append(cache)
        return {"compiled": 0}

    monkeypatch.setattr(cold_start, "child", child)
    work = cold_start.cold_start("normals", filled=False)
    work()
    assert caches[0].is_dir()
    del work
    assert not caches[0].exists()


def test_a_cold_start_whose_command_fails_half_way_is_no_result(monkeypatch):
    def fail_after_a_while(arguments=None):
        Path((arguments or sys.argv)[-1]).mkdir()
        return 1

    monkeypatch.setattr("memramp.experiments.cli.main", fail_after_a_while)
    monkeypatch.setattr(sys, "argv", [])
    with pytest.raises(RuntimeError, match="ramp_calibration\\.yaml' failed"):
        cold_start._command("ramps")


def full(results):
    """Return results as a full run writes them, with a bar that is met, one that is not, and one not judged."""
    content = json.loads(results.read_text()) | {"quick": False}
    at = {"threads": 1, "limit": 3.0}
    bars = [
        at | {"text": "at most 3 x", "unit": " x", "ratio": 2.0, "ratio_of_best": 1.9, "met": True},
        at | {"text": "within 1e-9", "unit": "", "ratio": 1e-8, "met": False},
        at | {"text": "at least 5 x", "unit": " x", "problem": "aihwkit is not installed"},
    ]
    content["cases"][0]["bars"] = bars
    return content


def test_the_page_holds_the_cases_and_tells_what_is_not_there(results, tmp_path):
    source, target = tmp_path / "full.json", tmp_path / "page.md"
    source.write_text(json.dumps(full(results)))
    assert command.main(["--from", str(source), "--docs", str(target)]) == 0
    text = target.read_text()
    assert "{{" not in text
    assert "| ramp_yield | at most 3 x | 1 | 2 x | 1.9 x | met |" in text
    assert "| ramp_yield | within 1e-9 | 1 | 1e-08 |  | **not met** |" in text
    assert "| ramp_yield | at least 5 x | 1 | aihwkit is not installed |  | not judged |" in text
    assert "*noisy_product: not measured in this run.*" in text


def test_the_terminal_tells_the_same_verdicts(results):
    lines = list(terminal(full(results)))
    assert "  at most 3 x, 1 thread: MET, 2 x (of the best times 1.9 x)" in lines
    assert "  within 1e-9, 1 thread: NOT MET, 1e-08" in lines
    assert "  at least 5 x, 1 thread: NOT JUDGED, aihwkit is not installed" in lines


def test_no_page_is_made_of_a_quick_run(results, tmp_path, capsys):
    assert command.main(["--from", str(results), "--docs", str(tmp_path / "page.md")]) == 2
    assert "--docs: these results are those of --quick" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()


def test_the_template_has_a_place_for_every_case():
    places = {name for kind, name in PLACE.findall(TEMPLATE.read_text()) if kind == "case"}
    assert places == {case.name for case in CASES}


def test_the_figure_is_a_png(results, tmp_path):
    file = tmp_path / "figure.png"
    assert command.main(["--from", str(results), "--figure", str(file)]) == 0
    assert file.read_bytes().startswith(b"\x89PNG")


def test_values_are_judged_by_their_largest_difference():
    bar = Bar("", "a", 1e-9, "b", value="outputs")
    own = {"contender": "a", "threads": 1, "values": {"outputs": [1.0, -2.0 + 4e-9]}}
    rival = {"contender": "b", "threads": 1, "values": {"outputs": [1.0, -2.0]}}
    verdict = judge(bar, [own, rival], 1)
    assert verdict["ratio"] == pytest.approx(2e-9)
    assert verdict["met"] is False


def test_a_rival_is_taken_with_the_threads_that_suit_it():
    bar = Bar("", "a", 3.0, "b", at_least=True)
    times = {("a", 1): 2.0, ("b", 1): 4.0, ("a", 2): 1.0, ("b", 2): 50.0}
    rows = [{"contender": name, "threads": n, "median": time, "best": time} for (name, n), time in times.items()]
    assert [judge(bar, rows, threads)["ratio"] for threads in (1, 2)] == [2.0, 4.0]


def test_the_page_is_made_of_the_results_beside_it():
    docs = TEMPLATE.parents[1] / "docs"
    assert page(load_results(docs / "performance.json")) == (docs / "performance.md").read_text()


def test_a_case_measured_later_takes_its_place_and_says_when(results, tmp_path, capsys):
    earlier = json.loads((TEMPLATE.parents[1] / "docs" / "performance.json").read_text())
    fresh = {"quick": False, "date": "2031-01-02T03:04:05+00:00", "machine": earlier["machine"]}
    case = next(case for case in earlier["cases"] if case["name"] == "programming")
    found = command._among(earlier, fresh | {"cases": [{**case, "title": "anew"}]})
    assert [each["name"] for each in found["cases"]] == [each["name"] for each in earlier["cases"]]
    text = page(found)
    assert "**anew**\n\nMeasured by itself on 2031-01-02" in text
    quick = ["--case", "programming", "--quick", "--threads", "1"]
    assert command.main([*quick, "--into", str(results), "--json", str(tmp_path / "x")]) == 2
    assert "--into: takes whole measurements" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
