import csv
import json
from hashlib import sha256

import numpy as np
import pytest

from memramp.devices import ConstantNoise, Device, UniformNoise, load_preset
from memramp.errors import InputError
from memramp.peripherals import (
    Realisation,
    design_ramp,
    function_from_expression,
    function_from_table,
    load_table,
    normal_density,
    ramp_name,
    ramp_table,
    save_table,
    table_bytes,
)
from memramp.tablefile import seal_text

DEVICE = load_preset("yang2025_150us")
DESIGN = design_ramp("sigmoid", 5, "paper", DEVICE)
GATES = {
    "sigmoid": design_ramp("sigmoid", 4, "midpoint", DEVICE, realisation=Realisation(spares=2, pulse_widths=(1, 0.5))),
    "tanh": design_ramp("tanh", 4, "midpoint", DEVICE, realisation=Realisation(max_devices=2)),
}
SUFFIX = pytest.mark.parametrize("suffix", [".csv", ".json"])


def same(a, b):
    for part in ("g_min", "g_max", "first", "bias_total", "v_per_us"):
        assert getattr(a, part) == getattr(b, part)
    assert a.ramp.tobytes() == b.ramp.tobytes()
    assert a.column.role == b.column.role
    for part in ("clock", "polarity", "width", "target", "write_order"):
        assert getattr(a.column, part).tolist() == getattr(b.column, part).tolist()
    ours, theirs = a.levels, b.levels
    assert (ours.bits, ours.kind, ours.lsb, ours.span) == (theirs.bits, theirs.kind, theirs.lsb, theirs.span)
    for part in ("ramp", "outputs", "codes"):
        assert getattr(ours, part).tolist() == getattr(theirs, part).tolist()
    v = np.linspace(-6.0, 6.0, 101)
    assert ours.function(v).tolist() == theirs.function(v).tolist()
    assert ours.function.derivative(v).tolist() == theirs.function.derivative(v).tolist()
    assert (ours.function.name, ours.function.formula, ours.function.folds) == (
        theirs.function.name,
        theirs.function.formula,
        theirs.function.folds,
    )


def write(path, table):
    save_table(path, table)
    return path


def resealed(path, old, new):
    """Change a table as nobody would by accident: the checksum fits afterwards."""
    lines = path.read_text().splitlines(keepends=True)
    place = 1 if path.suffix == ".csv" else 2
    rest = "".join(lines[place + 1 :])
    assert old in rest
    path.write_bytes(seal_text("memramp-ramp-table 1", rest.replace(old, new, 1), path.suffix))
    return path


def test_table_has_each_device_of_the_column_once_and_walks_along_the_ramp():
    rows = ramp_table(DESIGN).ramps["sigmoid"].rows
    assert [row.row for row in rows] == list(range(37))
    assert [row.role for row in rows] == ["ramp"] * 32 + ["bias"] * 5
    value = -sum(row.target_uS for row in rows if row.role == "bias") * DESIGN.v_per_us
    assert rows[-1].threshold == pytest.approx(value)
    assert rows[-1].level == pytest.approx(1 / 34)
    assert (rows[-1].output, rows[-1].code, rows[-1].clock, rows[-1].polarity) == (DESIGN.outputs[1], 1, 0, -1)
    for k, row in enumerate(rows[:32]):
        value += row.target_uS * DESIGN.v_per_us
        assert row.threshold == pytest.approx(value, abs=1e-12)
        assert row.level == pytest.approx((k + 2) / 34)
        assert row.code == (k + 2 if k < 30 else None)  # the last two values are not compared
    assert all(row.write == "yes" for row in rows)


@SUFFIX
@pytest.mark.parametrize(
    ("name", "bits", "levels", "options"),
    [
        ("tanh", 5, "paper", {}),
        ("gelu", 4, "midpoint", {}),
        ("relu", 4, "uniform", {}),
        ("silu", 3, "midpoint", {"span": (-3.0, 2.5)}),
        ("sigmoid", 4, "lloyd_max", {"density": normal_density(0.0, 1.0)}),
        ("sigmoid", 5, "midpoint", {"realisation": Realisation(max_devices=3, pulse_widths=(1, 0.25), spares=3)}),
    ],
)
def test_the_design_comes_back_to_the_last_bit(tmp_path, suffix, name, bits, levels, options):
    design = design_ramp(name, bits, levels, DEVICE, **options)
    table = ramp_table(design, DEVICE)
    path = write(tmp_path / f"t{suffix}", table)
    found = load_table(path)
    same(found.design(name), design)
    assert found == table
    assert table_bytes(found, suffix) == path.read_bytes()
    assert found.ramps[name].word_lines().tolist() == list(range(len(design.column.role)))


@SUFFIX
def test_own_functions_come_back_without_other_files(tmp_path, suffix):
    x = np.linspace(-2.0, 2.0, 9)
    (tmp_path / "curve.csv").write_text("x,y\n" + "".join(f"{a},{a**3 + a}\n" for a in x))
    designs = {
        "swish": design_ramp(function_from_expression("x * sigmoid(1.7*x)", (-4, 4), [-0.75]), 4, "midpoint", DEVICE),
        "curve": design_ramp(function_from_table(tmp_path / "curve.csv"), 4, "midpoint", DEVICE, span=(-1.0, 2.0)),
    }
    path = write(tmp_path / f"t{suffix}", ramp_table(designs))
    (tmp_path / "curve.csv").unlink()
    for name, design in designs.items():
        same(load_table(path).design(name), design)


def test_rows_can_be_read_by_anyone(tmp_path):
    path = write(tmp_path / "t.csv", ramp_table(GATES, DEVICE))
    text = path.read_text()
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    assert [row["ramp"] for row in rows] == ["sigmoid"] * 20 + ["tanh"] * (len(rows) - 20)
    spare = rows[19]
    assert (spare["role"], spare["clock"], spare["write_order"], spare["write"]) == ("spare", "-1", "-1", "no")
    assert (spare["threshold"], spare["code"]) == ("", "")
    data = json.loads(write(tmp_path / "t.json", ramp_table(GATES, DEVICE)).read_text())
    assert data["ramps"]["sigmoid"]["rows"][0]["target_uS"] == float(rows[0]["target_uS"])
    assert data["ramps"]["sigmoid"]["bits"] == 4


@pytest.mark.parametrize(("suffix", "line"), [(".csv", 2), (".json", 3)])
def test_the_checksum_is_that_of_all_other_lines(tmp_path, suffix, line):
    path = write(tmp_path / f"t{suffix}", ramp_table(DESIGN))
    lines = path.read_bytes().splitlines(keepends=True)
    digest = sha256(b"".join(lines[: line - 1] + lines[line:])).hexdigest()
    assert digest in lines[line - 1].decode()
    assert load_table(path).checksum == digest


@SUFFIX
def test_every_changed_byte_is_found(tmp_path, suffix):
    path = write(tmp_path / f"t{suffix}", ramp_table(design_ramp("sigmoid", 2, "midpoint", DEVICE)))
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(InputError, match=r"t\.\w+: (was changed|is no memramp-ramp-table|has the schema)"):
            load_table(path)
    for other in (content[:-1], content + b"\n", content[:40]):
        path.write_bytes(other)
        with pytest.raises(InputError, match="was changed after it was written"):
            load_table(path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text.replace("\n", "\r\n"), "its line endings are others"),
        (lambda text: "\ufeff" + text, "its encoding is another"),
        (lambda text: text.replace(",", ";"), "semicolons between the columns, as spreadsheets write them"),
        (lambda text: text.replace("table 1", "table 2"), "has the schema 'memramp-ramp-table 2', this program reads"),
        (lambda text: text.replace("# schema: memramp-ramp-table 1\n", ""), "is no memramp-ramp-table, which has the"),
        (lambda _: "ramp,row,measured_uS\n", "is no memramp-ramp-table"),
        (lambda text: "\0" + text[40:], "is a binary file"),
        (lambda _: "", "is no memramp-ramp-table"),
    ],
)
def test_what_programs_do_to_files_is_told(tmp_path, damage, said):
    path = write(tmp_path / "t.csv", ramp_table(DESIGN))
    path.write_bytes(damage(path.read_text()).encode())
    with pytest.raises(InputError, match=said):
        load_table(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sigmoid,3,ramp", "sigmoid,4,ramp", "row 3 is missing or not in its place, found row 4"),
        ("sigmoid,2,ramp", "sigmoid,2,boss", "'role': input should be 'ramp', 'bias' or 'spare', found 'boss'"),
        ("sigmoid,2,ramp", "tanh,2,ramp", "unknown ramp 'tanh', the file has: sigmoid"),
        ("ramp,32,1,", "ramp,33,1,", "no device fires in clock 32"),
        ("ramp,4,1,", "ramp,5,1,", "output and code are"),
        ("ramp,4,1,", "ramp,0,1,", "clock is from 1 on for ramp, 0 for bias, -1 for spare, found 0"),
        ("ramp,4,1,", "ramp,4,-1,", "polarity is -1 for bias devices and 1 for others"),
        ("sigmoid,0,ramp,1,1,1.0,0,", "sigmoid,0,ramp,1,1,1.0,0,9", "must lie in the window"),
        ("sigmoid,0,ramp,1,1,1.0,0,", "sigmoid,0,ramp,1,1,1.0,0,nan", "target_uS must be a finite number"),
        ("sigmoid,0,ramp,1,1,1.0,0,", "sigmoid,0,ramp,1,1,1.0,1,", "write_order 1 stands twice"),
        ("sigmoid.bits: 5", "sigmoid.bits: 4", "codes of 4 bits lie below 16"),
        ("sigmoid.bits: 5", "sigmoid.bits: NaN", "numbers must be finite"),
        ("sigmoid.bits: 5", "sigmoid.bits: 5\n# sigmoid.bits: 5", "the key 'sigmoid.bits' stands twice"),
        ("sigmoid.bits: 5", "sigmoid.bits: 5\n# sigmoid.colour: 5", "unknown key 'colour'"),
        ("sigmoid.anchor: 16", "sigmoid.anchor: 15", "nearest to 0 is that of clock 16"),
        ('{"name": "sigmoid"}', '{"name": "swish"}', "no function of the library"),
        ('{"name": "sigmoid"}', '{"name": "f", "expression": "__import__", "domain": [0, 1]}', "the name '__import__'"),
        ("\nramp,row", "\nramp,zeile", "the header lacks row"),
    ],
)
def test_a_table_that_was_tampered_with_is_refused(tmp_path, old, new, said):
    path = resealed(write(tmp_path / "t.csv", ramp_table(DESIGN)), old, new)
    with pytest.raises(InputError, match=said) as caught:
        load_table(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"row": 3,', '"row": 4,', "row 3 is missing"),
        ('"role": "ramp"', '"role": "boss"', r"ramps.sigmoid.rows.0: 'role'"),
        ('"bits": 5', '"bits": 5, "bits": 5', "the key 'bits' stands twice"),
        ('"bits": 5', '"bits": "5"', "'bits'"),
        ('"rows": [', '"reihen": [', "expected an object with the list 'rows'"),
        ('"revision": 0', '"revision": -1', "'revision'"),
        ('"ramps": {', '"ramps": [{', "not JSON"),
    ],
)
def test_json_that_was_tampered_with_is_refused(tmp_path, old, new, said):
    path = resealed(write(tmp_path / "t.json", ramp_table(DESIGN)), old, new)
    with pytest.raises(InputError, match=said):
        load_table(path)


def test_deep_json_and_large_files_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "t.json"
    path.write_bytes(seal_text("memramp-ramp-table 1", f'"a": {"[" * 100_000}', ".json"))
    with pytest.raises(InputError, match=r"nested too deeply|not JSON"):
        load_table(path)
    monkeypatch.setattr("memramp.peripherals.table_files.MAX_BYTES", 100)
    with pytest.raises(InputError, match="too large"):
        load_table(path)


def test_an_existing_file_is_kept_unless_forced(tmp_path):
    path = tmp_path / "ramp.csv"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"ramp.csv: the file exists"):
        save_table(path, ramp_table(DESIGN))
    assert path.read_text() == "mine"
    save_table(path, ramp_table(DESIGN), force=True)
    assert len(load_table(path).ramps["sigmoid"].rows) == 37
    assert [entry.name for entry in tmp_path.iterdir()] == ["ramp.csv"]  # no draft is left


def test_places_where_no_file_can_be_are_told(tmp_path):
    (tmp_path / "ramp.csv").mkdir()
    for path, said in (
        (tmp_path / "missing" / "ramp.csv", "no such folder"),
        (tmp_path / "ramp.csv", "is a folder"),
        (tmp_path / "ramp.txt", r"must end in .csv or .json"),
    ):
        with pytest.raises(InputError, match=said):
            save_table(path, ramp_table(DESIGN), force=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ramp.csv"]


def test_the_verify_window_follows_from_the_device():
    def window(**options):
        return ramp_table(DESIGN, **options).ramps["sigmoid"].rows[0].tolerance_uS

    assert window() == 5.0
    assert window(device=Device(g_min=0, g_max=150)) == 5.0
    assert window(device=Device(g_min=0, g_max=150, prog_noise=ConstantNoise(sigma=2.0))) == 6.0
    assert window(device=Device(g_min=0, g_max=150, prog_noise=UniformNoise(half_width=4.0))) == 4.0
    assert window(device=Device(g_min=0, g_max=150), tolerance=1.5) == 1.5
    with pytest.raises(InputError, match="the tolerance must be positive"):
        window(tolerance=0.0)


@pytest.mark.parametrize(
    ("text", "name"),
    [("sigmoid", "sigmoid"), ("x * tanh(x)", "x_tanh_x"), ("1 / (1 + x)", "ramp_1_1_x"), ("x" * 99, "x" * 64)],
)
def test_expressions_get_names_that_a_file_can_hold(text, name):
    assert ramp_name(text) == name


def test_names_that_could_mean_something_else_are_refused():
    for name in ("=cmd", "a,b", "", "a.b", "x" * 65, "1st"):
        with pytest.raises(InputError, match="the name of a ramp is a letter"):
            ramp_table({name: DESIGN})
    with pytest.raises(InputError, match="1 to 16 ramps"):
        ramp_table({})
