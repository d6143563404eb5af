import csv
import json

import numpy as np
import pytest

from memramp.experiments.results import ResultsFile, Row, best, confusions, summarise, to_json
from memramp.experiments.scores import Recognition

CLASSES = ("a", "b", "c")
RIGHT = np.diag([4, 4, 2])
ONE_WRONG = np.array([[4, 0, 0], [1, 3, 0], [0, 0, 2]])
TWO_WRONG = np.array([[4, 0, 0], [1, 3, 0], [0, 1, 1]])


def rows(point: int = 1, sweep=None) -> list[Row]:
    sweep = sweep or {}
    return [
        Row(point, sweep, "float", None, Recognition(RIGHT)),
        Row(point, sweep, "ideal", None, Recognition(ONE_WRONG)),
        Row(point, sweep, "chip", 1, Recognition(ONE_WRONG)),
        Row(point, sweep, "chip", 2, Recognition(TWO_WRONG)),
    ]


def test_summary_of_a_point():
    (summary,) = summarise(rows())
    assert (summary.floating, summary.ideal) == (100.0, 90.0)
    assert summary.mean == pytest.approx(85.0)
    assert summary.sd == pytest.approx(5 * np.sqrt(2))
    np.testing.assert_array_equal(summary.confusion, ONE_WRONG + TWO_WRONG)
    chips = summary.as_dict(CLASSES)["chips"]
    assert chips == {"n": 2, "mean": 85.0, "sd": 7.0711, "min": 80.0, "max": 90.0}


def test_one_chip_has_no_standard_deviation():
    (summary,) = summarise(rows()[:3])
    assert summary.sd is None
    assert summary.as_dict(CLASSES)["chips"]["sd"] is None


def test_point_that_was_cut_before_its_first_chip_is_left_out():
    assert [summary.point for summary in summarise([*rows(1), *rows(2)[:2]])] == [1]


def test_best_is_the_first_of_equals():
    assert best(summarise([*rows(1), *rows(2)])).point == 1


def test_confusions_count_in_parts_of_the_true_class():
    # 1 of 2 clips of c weighs more than 1 of 4 of b
    assert confusions(TWO_WRONG, CLASSES, 5) == [("c", "b", 50.0), ("b", "a", 25.0)]
    assert confusions(TWO_WRONG, CLASSES, 1) == [("c", "b", 50.0)]
    assert confusions(RIGHT, CLASSES, 5) == []


def test_class_without_clips_gives_no_confusion():
    assert confusions(np.diag([3, 0, 1]), CLASSES, 3) == []


def test_rows_are_on_disk_as_soon_as_they_are_added(tmp_path):
    path = tmp_path / "results.csv"
    with ResultsFile(path, ["k.v"], Recognition) as file:
        for number, row in enumerate(rows(1, {"k.v": "1, 2 uS"}), start=1):
            file.add(row)
            assert path.read_text().count("\n") == 1 + number
        with path.open(newline="") as read:
            lines = list(csv.reader(read))
    assert lines[0] == ["point", "k.v", "condition", "chip", "accuracy", "correct", "clips"]
    assert lines[1] == ["1", "1, 2 uS", "float", "", "100.0000", "10", "10"]
    assert lines[-1] == ["1", "1, 2 uS", "chip", "2", "80.0000", "8", "10"]


def test_results_never_replace_a_file(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        ResultsFile(path, [], Recognition)
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    "data",
    [
        {"a": [1, 2, [3, -4.5]], "b": {}, "c": [], "d": {"e": None}},
        {"text": "two  spaces, [a, {b\n  c}]", "brackets": ["{[", "]}"], "quote": 'a "[" b'},
        {"long": list(range(100)), "unit": "uS ±"},
    ],
)
def test_json_is_compact_and_unchanged(data):
    text = to_json(data).decode()
    assert json.loads(text) == data


def test_json_has_short_lists_in_one_line():
    assert b'"a": [1, 2]' in to_json({"a": [1, 2]})
