from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memramp.csvfile import csv_number, parse_csv, read_csv_rows
from memramp.errors import InputError

COLUMNS = ("x", "y")


def rows_of(text, **more):
    return parse_csv(text if isinstance(text, bytes) else text.encode(), "t.csv", COLUMNS, **more).rows


def message_of(text, **more):
    with pytest.raises(InputError) as caught:
        rows_of(text, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_rows_come_with_their_line_numbers_and_text_as_written(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("# measured 1 May\nx,y\n\n0, 1.50\n# a pause\n-1e-3,2\n")
    assert read_csv_rows(path, COLUMNS, 1000) == [(4, {"x": "0", "y": "1.50"}), (6, {"x": "-1e-3", "y": "2"})]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_mark_and_line_ends_of_any_system_are_taken(newline, mark):
    content = mark + newline.join(["x,y", "1,2", "3,4", ""]).encode()
    assert [(line, cells["y"]) for line, cells in rows_of(content)] == [(2, "2"), (3, "4")]


def test_comments_are_returned_with_their_lines():
    content = parse_csv(b"#schema 1\nx,y\n1,2\n  # end\n", "t.csv", COLUMNS)
    assert content.comments == ((1, "schema 1"), (4, "end"))
    assert content.columns == COLUMNS


def test_columns_may_stand_in_any_order_and_optional_ones_may_be_there():
    assert rows_of('y,note,x\n2,"a, b; c",1\n', optional=("note",)) == ((2, {"y": "2", "note": "a, b; c", "x": "1"}),)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "t.csv: is empty, expected the header x,y"),
        ("# nothing\n\n", "t.csv: is empty"),
        ("0,0\n1,1\n", "t.csv, line 1: the header is missing, expected x,y, found '0,0'"),
        ("x\n1\n", "line 1: the header lacks y, expected x,y, found 'x'"),
        ("x,y,z\n1,2,3\n", "line 1: unknown column 'z', allowed: x, y"),
        ("x,y,x\n1,2,3\n", "line 1: the column x stands twice"),
        ("x;y\n0,5;1\n", "line 1: found ';' between the columns, expected commas and decimal points"),
        ("x\ty\n0\t1\n", "line 1: found tabs between the columns"),
        ("x,y\n0,0\n0;5\n", "line 3: found ';' between the columns"),
        ("x,y\n0,5,1,5\n", "line 2: expected 2 values (x,y), found 4; numbers need decimal points, not commas"),
        ("x,y\n1\n", "line 2: expected 2 values (x,y), found 1"),
        ('x,y\n"1,2\n', "line 2: not CSV"),
        (b"x,y\n1,\x002\n", "t.csv: is a binary file (byte 6 is 0)"),
        (b"x,y\n1,\xff\n", "t.csv: not UTF-8 text (byte 6)"),
        ("x,y\n1,2\n".encode("utf-16"), "t.csv: is UTF-16 text, expected CSV in UTF-8"),
    ],
)
def test_what_is_no_such_csv_is_refused_in_one_sentence(text, part):
    assert part in message_of(text)


def test_missing_and_oversized_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_csv_rows(tmp_path / "none.csv", COLUMNS, 100)
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "1,2\n" * 100)
    with pytest.raises(InputError, match="too large"):
        read_csv_rows(path, COLUMNS, 100)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "1,5", "5 uS", "0x1", "1_0", "\u0661", "--1", "1e", "."])
def test_cells_that_are_no_finite_numbers_are_refused(text):
    with pytest.raises(InputError, match=r"t.csv, line 7: y must be a finite number with a decimal point, found '"):
        csv_number({"y": text}, "y", "t.csv, line 7")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_to_the_last_bit(number):
    assert csv_number({"y": repr(number)}, "y", "t") == number
    assert np.signbit(csv_number({"y": repr(number)}, "y", "t")) == np.signbit(number)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    with suppress(InputError):
        assert all(set(cells) == set(COLUMNS) for _, cells in rows_of(content))
