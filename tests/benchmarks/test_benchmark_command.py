"""``python -m benchmarks``: results, report, figure and page, from one small case; no time is judged here."""

import json
import sys

import pytest

from benchmarks import __main__ as command
from benchmarks.cases import CASES
from benchmarks.measure import judge
from benchmarks.protocol import repeat
from benchmarks.report import seconds, terminal
from benchmarks.table import Bar


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


@pytest.mark.parametrize(("value", "text"), [(1.5, "1.5 s"), (0.0123, "12.3 ms"), (4e-6, "4 us"), (2000.0, "2,000 s")])
def test_times_have_fitting_units(value, text):
    assert seconds(value) == text


def test_the_peers_scripts_import_neither_the_peer_nor_memramp():
    import benchmarks.peer_torch

    assert "memramp" not in vars(benchmarks.peer_torch)
    assert "aihwkit" not in sys.modules
