import numpy as np
import pytest

from memramp.errors import InputError
from memramp.peripherals.functions import FUNCTIONS
from memramp.peripherals.tabulated import function_from_table


@pytest.fixture
def table(tmp_path):
    def write(x, y=None):
        path = tmp_path / "fn.csv"
        if y is None:
            path.write_bytes(x if isinstance(x, bytes) else x.encode())
        else:
            path.write_text(
                "x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(map(float, x), map(float, y), strict=True))
            )
        return path

    return write


def test_a_table_passes_through_its_points_and_close_to_its_function_between(table):
    x = np.linspace(-4, 4, 81)
    function = function_from_table(table(x, FUNCTIONS["tanh"](x)))
    assert (function.name, function.span, function.domain, function.folds) == ("fn", (-4.0, 4.0), (-4.0, 4.0), ())
    np.testing.assert_allclose(function(x), np.tanh(x), atol=1e-15)
    v = np.linspace(-4, 4, 1001)
    np.testing.assert_allclose(function(v), np.tanh(v), atol=2e-4)


def test_inverse_and_derivative_are_those_of_the_interpolant(table):
    x = np.linspace(-3, 3, 25)
    function = function_from_table(table(x, FUNCTIONS["sigmoid"](x)))
    y = np.linspace(*function.output_range(), 60)[1:-1]
    np.testing.assert_allclose(function(function.inverse(y)), y, atol=2e-16)
    v, h = np.linspace(-2.95, 2.95, 97), 1e-6
    np.testing.assert_allclose(function.derivative(v), (function(v + h) - function(v - h)) / (2 * h), atol=1e-9)


def test_outside_the_table_the_value_stays(table):
    function = function_from_table(table([0, 1, 2], [5, 6, 8]))
    assert function([-1e300, 3.0]).tolist() == [5.0, 8.0]
    assert function.derivative([-1.0, 3.0]).tolist() == [0.0, 0.0]
    with pytest.raises(InputError, match="fn is defined from 0 to 2, found the span 0 to 3"):
        function.sections((0.0, 3.0))


def test_uneven_steps_and_flat_pieces_make_no_new_extremum(table):
    rng = np.random.default_rng(5)
    x, y = np.cumsum(rng.exponential(size=200)), np.cumsum(rng.exponential(size=200) ** 4 * (rng.random(200) > 0.3))
    function = function_from_table(table(x, y))
    assert function.folds == ()
    assert np.diff(function(np.linspace(x[0], x[-1], 20001))).min() > -1e-12 * np.ptp(y)


def test_turns_must_be_declared_and_are_named_with_their_line(table):
    path = table("# measured\nx,y\n-2,1\n-1,0\n0,0.5\n1,2\n2,1.5\n")
    with pytest.raises(InputError) as caught:
        function_from_table(path)
    assert str(caught.value) == (
        f"{path}, line 4: the table turns at x = -1 (minimum) and at x = 1 (maximum); declare them with folds=-1,1 or "
        f"narrow the span"
    )
    function = function_from_table(path, [-1.02, 1])
    assert function.folds == (-1.0, 1.0)
    assert [part.rising for part in function.sections()] == [False, True, False]
    inputs, directions = function.crossings([0.5, 1.75])
    assert directions.tolist() == [-1, 1, 1, -1]
    assert inputs[1] == pytest.approx(0.0, abs=1e-15)


def test_declared_folds_that_are_none_and_too_many_turns_are_refused(table):
    with pytest.raises(InputError, match=r"fn.csv does not turn at x = 1, found in folds; it turns nowhere"):
        function_from_table(table([0, 1, 2], [0, 1, 2]), [1])
    with pytest.raises(InputError, match=r"turns 18 times from 0 to 19, allowed: at most 15"):
        function_from_table(table(range(20), [k % 2 for k in range(20)]))


def test_a_file_from_a_spreadsheet_with_byte_order_mark_and_crlf_is_taken(table):
    assert function_from_table(table(b"\xef\xbb\xbfx,y\r\n0,0\r\n1,1\r\n2,4\r\n")).output_range() == (0.0, 4.0)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "fn.csv: is empty"),
        ("0,0\n1,1\n2,2\n", "fn.csv, line 1: the header is missing, expected x,y"),
        ("x;y\n0,5;1\n", "fn.csv, line 1: found ';' between the columns, expected commas and decimal points"),
        ("x,y\n0;0\n", "fn.csv, line 2: found ';'"),
        ("x,y\n0,0,0,5\n", "fn.csv, line 2: expected 2 values (x,y), found 4; numbers need decimal points"),
        ('x,y\n0,0\n1,"0,5"\n2,2\n', "fn.csv, line 3: y must be a finite number with a decimal point, found '0,5'"),
        ("x,y\n0,0\n1,nan\n2,2\n", "fn.csv, line 3: y must be a finite number"),
        ("x,y\n0,0\n1e999,1\n2,2\n", "fn.csv, line 3: x must be a finite number"),
        ("x,y\n0,0\n1,1\n1,2\n", "fn.csv, line 4: x must ascend, found 1 after 1"),
        ("x,y\n0,0\n2,1\n1,2\n", "fn.csv, line 4: x must ascend, found 1 after 2"),
        ("x,y\n0,0\n1,1\n", "fn.csv: a table has 3 to 100000 rows, found 2"),
        ("x,y\n0,1\n1,1\n2,1\n", "fn.csv is constant from 0 to 2, so there is nothing to convert"),
        ("x,y\n0,-1e308\n1,0\n2,1e308\n", "fn.csv must stay below 1e308"),
        ("x,y\n0,0\n1e-300,1e100\n2,2e100\n", "fn.csv: the table changes too steeply"),
        ("x,y\n-1e308,0\n0,1\n1e308,2\n", "must be two ascending numbers"),
        (b"x,y\n0,\x000\n", "fn.csv: is a binary file"),
        (b"\x89PNG\r\n\x1a\n", "fn.csv: not UTF-8 text (byte 0)"),
    ],
)
def test_bad_tables_are_refused_with_file_and_line(table, text, part):
    with pytest.raises(InputError) as caught:
        function_from_table(table(text))
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_oversized_tables_are_refused(tmp_path, table):
    with pytest.raises(InputError, match="no such file"):
        function_from_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="a table has 3 to 100000 rows, found 100001"):
        function_from_table(table("x,y\n" + "".join(f"{k},{k}\n" for k in range(100_001))))
