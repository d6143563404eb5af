import numpy as np
import pytest

from memramp.devices import ConstantNoise, Device, ProportionalNoise, load_preset
from memramp.errors import InputError
from memramp.peripherals import (
    Calibration,
    Readback,
    Realisation,
    check_readback,
    design_ramp,
    load_table,
    nladc,
    program_columns,
    ramp_from_readback,
    ramp_table,
    read_back,
    save_table,
    simulate_readback,
    updated_table,
    write_readback,
)
from memramp.streams import Streams

DEVICE = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=2.67), read_noise=ConstantNoise(sigma=1.0))
SPARES = Realisation(spares=3)
TABLE = ramp_table(
    {name: design_ramp(name, 4, "midpoint", DEVICE, realisation=SPARES) for name in ("sigmoid", "tanh")}, DEVICE
)
ONE = ramp_table(TABLE.design("sigmoid"), DEVICE)


def targets(table=ONE, name="sigmoid"):
    return np.array([row.target_uS for row in table.ramps[name].rows])


def text_of(table=ONE, header="ramp,row,measured_uS"):
    rows = [f"{name},{row.row},{row.target_uS}" for name, ramp in table.ramps.items() for row in ramp.rows]
    return "\n".join([header, *rows]) + "\n"


def read(tmp_path, text, table=ONE, ramp=None):
    path = tmp_path / "m.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_back(path, table, ramp)


def test_a_read_back_has_what_was_measured(tmp_path):
    found = read(tmp_path, text_of(TABLE), TABLE)
    assert list(found.measured) == ["sigmoid", "tanh"]
    assert (found.measured["tanh"] == targets(TABLE, "tanh")).all()
    write_readback(tmp_path / "again.csv", found.measured)
    again = read_back(tmp_path / "again.csv", TABLE)
    assert (again.measured["sigmoid"] == found.measured["sigmoid"]).all()
    with pytest.raises(InputError, match="the file exists"):
        write_readback(tmp_path / "again.csv", found.measured)


def test_line_endings_order_of_columns_and_encodings_mark_do_not_matter(tmp_path):
    plain = read(tmp_path, text_of()).measured["sigmoid"]
    rows = [f"{g},{k}" for k, g in enumerate(plain.tolist())]
    for text in (
        text_of().replace("\n", "\r\n"),
        "\ufeff# by hand\n" + text_of().replace("\n", "\n\n"),
        "measured_uS,row\n" + "\n".join(rows),
    ):
        assert (read(tmp_path, text).measured["sigmoid"] == plain).all()


def test_one_ramp_of_several_can_be_measured_alone(tmp_path):
    rows = "".join(f"{k},{g}\n" for k, g in enumerate(targets().tolist()))
    found = read(tmp_path, "row,measured_uS\n" + rows, TABLE, "sigmoid")
    assert list(found.measured) == ["sigmoid"]
    report = check_readback(TABLE, found)
    assert list(report.ramps) == ["sigmoid"]
    after = updated_table(TABLE, report)
    assert after.ramps["tanh"] == TABLE.ramps["tanh"]
    with pytest.raises(InputError, match="the table has the ramps sigmoid, tanh, so the header must be ramp,row"):
        read(tmp_path, "row,measured_uS\n" + rows, TABLE)
    with pytest.raises(InputError, match="has no ramp 'gelu'"):
        read(tmp_path, "row,measured_uS\n" + rows, TABLE, "gelu")


def test_columns_of_the_table_may_be_there_if_they_agree(tmp_path):
    rows = ONE.ramps["sigmoid"].rows
    text = "row,role,target_uS,measured_uS\n" + "".join(f"{r.row},{r.role},{r.target_uS:.4f},{r.row}\n" for r in rows)
    assert (read(tmp_path, text).measured["sigmoid"] == np.arange(len(rows))).all()
    with pytest.raises(InputError, match=r"line 2: target_uS is 150 in the table, found 15.0"):
        read(tmp_path, text.replace("150.0000", "15.0", 1))
    with pytest.raises(InputError, match=r"line 3: role is ramp in the table, found 'spare'"):
        read(tmp_path, text.replace("1,ramp", "1,spare", 1))
    with pytest.raises(InputError, match=r"unknown column 'note', allowed: row, measured_uS, role, target_uS"):
        read(tmp_path, text.replace("role", "note"))


def swapped(text):
    lines = text.splitlines()
    return "\n".join([*lines[:4], lines[5], lines[4], *lines[6:]])


def without(text, line):
    lines = text.splitlines()
    return "\n".join(lines[: line - 1] + lines[line:])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda t: without(t, 5), r"line 5: row 3 of sigmoid is missing, found row 4 of sigmoid in its place"),
        (lambda t: t[: t.rindex("sigmoid")], r"ends before row \d+ of sigmoid"),
        (swapped, r"line 5: found row 4 of sigmoid where row 3 of sigmoid belongs; keep the table's order"),
        (lambda t: t.replace("sigmoid,4,", "sigmoid,3,"), r"line 6: row 3 of sigmoid stands twice, first in line 5"),
        (lambda t: t.replace("sigmoid,4,", "sigmoid,400,"), r"line 6: the table has no row 400 of sigmoid"),
        (lambda t: t.replace("sigmoid,4,", "tanh,4,"), r"line 6: the table has no row 4 of tanh"),
        (lambda t: t.replace("sigmoid,4,", "sigmoid,x,"), r"line 6: row must be a whole number .*, found 'x'"),
        (lambda t: t.replace("sigmoid,4,", "sigmoid,-1,"), r"row must be a whole number from 0 to .*, found '-1'"),
        (lambda t: t.replace("measured_uS", "measured_S"), r"in uS.*found the column measured_S; multiply by 1e6$"),
        (lambda t: t.replace("measured_uS", "measured_nS"), r"in uS.*found the column measured_nS; divide by 1000$"),
        (lambda t: t.replace("measured_uS", "measured_mS"), r"in uS.*found the column measured_mS; multiply by 1000$"),
        (lambda t: t.replace("measured_uS", "measured"), r"in uS.*found the column measured; rename it if they are$"),
        (lambda t: t.replace("150.0", "nan"), r"line 15: measured_uS must be a finite number"),
        (lambda t: t.replace("150.0", "-1"), r"line 15: measured_uS must lie between 0 and 1e\+06, found -1"),
        (lambda t: t.replace("150.0", "1e7"), r"line 15: measured_uS must lie between 0 and"),
        (lambda t: t.replace("150.0", "150 uS"), r"line 15: measured_uS must be a finite number"),
        (lambda t: t.replace(",", ";"), "found ';' between the columns"),
        (lambda t: t.replace(".", ","), "decimal points, not commas"),
        (lambda _: "", "is empty"),
        (lambda t: "\0" + t, "binary"),
    ],
)
def test_what_is_no_read_back_is_refused_in_a_sentence(tmp_path, damage, said):
    with pytest.raises(InputError, match=said) as caught:
        read(tmp_path, damage(text_of()))
    assert str(caught.value).startswith(str(tmp_path / "m.csv"))


def test_siemens_are_recognised(tmp_path):
    rows = "".join(f"sigmoid,{k},{g * 1e-6}\n" for k, g in enumerate(targets().tolist()))
    with pytest.raises(InputError, match="which looks like siemens; multiply by 1e6"):
        read(tmp_path, "ramp,row,measured_uS\n" + rows)


@pytest.mark.parametrize("name", ["sigmoid", "gelu", "relu"])
def test_a_measured_column_makes_the_ramp_that_a_programmed_one_makes(name):
    device = Device(
        g_min=2.0,
        g_max=150.0,
        prog_noise=ConstantNoise(sigma=4.0),
        read_noise=ProportionalNoise(fraction=0.02),
        stuck_off_rate=0.05,
    )
    design = design_ramp(
        name, 4, "midpoint", device, realisation=Realisation(max_devices=2, pulse_widths=(1, 0.5, 0.25, 0.125))
    )
    table = ramp_table(design, device)
    for programmed in program_columns(design, device, np.random.default_rng(2), 20, Calibration(kind="none")):
        measured = {name: np.concatenate([programmed.g_steps, programmed.g_bias])}
        twin = ramp_from_readback(table, name, Readback(measured), device)
        np.testing.assert_allclose(twin.values, programmed.values, atol=1e-12)
        np.testing.assert_allclose(twin.read_std, programmed.read_std, rtol=1e-12)
        assert (twin.g_bias == programmed.g_bias).all()
        ours, theirs = nladc(twin), nladc(programmed)
        v = np.linspace(-5, 5, 400)[None]
        assert (ours.convert(v, key=3) == theirs.convert(v, key=3)).mean() > 0.999


def test_ideal_devices_make_the_ideal_ramp_to_the_last_bit():
    twin = ramp_from_readback(ONE, "sigmoid", Readback({"sigmoid": targets()}))
    assert (twin.values == twin.design.ramp).all()
    assert not twin.read_std.any()
    check = check_readback(ONE, Readback({"sigmoid": targets()})).ramps["sigmoid"]
    assert not check.inl.any()
    assert check.passed
    with pytest.raises(InputError, match="has no ramp 'tanh'"):
        ramp_from_readback(TABLE, "tanh", Readback({"sigmoid": targets()}))


def test_a_check_tells_what_is_wrong():
    g = targets()
    g[3] = 0.0  # stuck off
    g[5] += 20.0  # too far
    g[12] = 150.0  # stuck on
    check = check_readback(ONE, Readback({"sigmoid": g}), 0.3).ramps["sigmoid"]
    bias = [row.row for row in ONE.ramps["sigmoid"].rows if row.role == "bias"]
    spares = [row.row for row in ONE.ramps["sigmoid"].rows if row.role == "spare"]
    assert not check.passed
    assert check.stuck == (3, 12)
    assert check.out_of_tolerance == (3, 5, 12)
    assert check.rewrite == (5,)
    assert set(check.moves) == {3, 12}
    assert set(check.moves.values()) == set(spares[:2])
    assert check.worst_inl > 0.3
    fires = np.array([row.polarity * (row.clock >= 0) for row in ONE.ramps["sigmoid"].rows]) * g
    walked = [check.design.v_per_us * (fires[bias].sum() + fires[:k].sum()) for k in range(15)]
    np.testing.assert_allclose(check.thresholds, walked, atol=1e-12)
    outputs = 16 / (1 + np.exp(-check.thresholds))  # in LSB; a transition belongs to a whole number of them
    np.testing.assert_allclose(check.inl, outputs - np.arange(1, 16), atol=1e-12)
    np.testing.assert_allclose(check.dnl, np.diff(outputs) - 1.0, atol=1e-12)
    assert check.expected_worst_inl == pytest.approx(0.0, abs=1e-12)  # all errors are mended
    assert check.bias_targets == {}
    assert set(bias).isdisjoint(check.stuck)


def test_without_spares_the_bias_makes_up_for_the_mid_scale():
    table = ramp_table(design_ramp("sigmoid", 4, "midpoint", DEVICE, realisation=Realisation(bias_devices=5)), DEVICE)
    g = targets(table)
    g[1] = 0.0
    check = check_readback(table, Readback({"sigmoid": g})).ramps["sigmoid"]
    assert check.stuck == (1,)
    assert check.mid_scale_error == pytest.approx(-table.design("sigmoid").v_per_us * targets(table)[1])
    (row, new), = check.bias_targets.items()
    assert new == pytest.approx(targets(table)[row] - targets(table)[1])  # one device holds it all
    assert check.expected_worst_inl < check.worst_inl
    mid = table.design("sigmoid").anchor
    assert check.expected_inl[mid] == pytest.approx(0.0, abs=1e-12)
    after = updated_table(table, check_readback(table, Readback({"sigmoid": g})))
    assert [(name, row.row) for name, row in after.to_write()] == [("sigmoid", row)]
    assert after.ramps["sigmoid"].rows[1].write == "never"
    assert after.revision == 1


def test_too_few_bias_devices_are_told_with_the_number_that_is_missing():
    g = targets()
    bias = [row.row for row in ONE.ramps["sigmoid"].rows if row.role == "bias"]
    spares = [row.row for row in ONE.ramps["sigmoid"].rows if row.role == "spare"]
    g[[*bias[:2], *spares]] = [0.0, 0.0, 150.0, 150.0, 150.0]  # the spares are stuck as well
    check = check_readback(ONE, Readback({"sigmoid": g})).ramps["sigmoid"]
    assert not check.bias_fits
    assert check.further_bias_devices == 2
    assert check.moves == {}
    assert set(check.bias_targets.values()) == {150.0}


def test_a_spare_takes_over_from_a_stuck_bias_device():
    g = targets()
    rows = ONE.ramps["sigmoid"].rows
    bias, spare = (next(row.row for row in rows if row.role == role) for role in ("bias", "spare"))
    g[bias] = 0.0
    report = check_readback(ONE, Readback({"sigmoid": g}))
    assert report.ramps["sigmoid"].moves == {bias: spare}
    after = updated_table(ONE, report).ramps["sigmoid"]
    assert (after.rows[spare].role, after.rows[spare].polarity, after.rows[spare].clock) == ("bias", -1, 0)
    assert after.rows[spare].target_uS == pytest.approx(rows[bias].target_uS)
    assert (after.rows[bias].role, after.rows[bias].write) == ("spare", "never")


def test_the_bias_is_written_with_as_few_devices_as_can_hold_the_change():
    design = design_ramp("sigmoid", 5, "midpoint", DEVICE, realisation=Realisation(bias_devices=6))
    table = ramp_table(design, DEVICE)
    g = targets(table)
    g[32] -= 10.0  # a bias device
    check = check_readback(table, Readback({"sigmoid": g}), 0.1).ramps["sigmoid"]
    assert check.bias_targets == {32: pytest.approx(design.g_bias[0])}
    g = targets(table)
    g[3] = 150.0  # stuck on: 96 uS too much, of which each of the six can take 32
    check = check_readback(table, Readback({"sigmoid": g}), 0.1).ramps["sigmoid"]
    assert len(check.bias_targets) == 4
    assert sum(check.bias_targets.values()) == pytest.approx(4 * design.g_bias[0] + 150.0 - design.g_steps[3])


def test_the_worst_devices_within_tolerance_are_written_again_where_that_is_needed():
    design = design_ramp("sigmoid", 5, "midpoint", DEVICE)
    table = ramp_table(design, tolerance=8.0)
    g = targets(table)
    g[[9, 20, 21]] += [-7.0, 3.0, 7.5]
    strict, loose = (check_readback(table, Readback({"sigmoid": g}), limit).ramps["sigmoid"] for limit in (0.13, 0.3))
    assert strict.out_of_tolerance == ()
    assert strict.rewrite == (9, 21)
    assert strict.expected_worst_inl < 0.13 < strict.worst_inl
    assert loose.passed
    assert loose.rewrite == ()


def test_settings_of_a_check_are_checked():
    for options in ({"inl_limit": 0.0}, {"inl_limit": float("nan")}, {"stuck_margin": -1.0}):
        with pytest.raises(InputError, match="must be a positive number"):
            check_readback(ONE, Readback({"sigmoid": targets()}), **options)
    half = "less than half the window of the ramp sigmoid, 0 to 150 uS, found 75 uS"
    with pytest.raises(InputError, match=half):  # no device could be told from one that is stuck
        check_readback(ONE, Readback({"sigmoid": targets()}), stuck_margin=75.0)
    with pytest.raises(InputError, match="has no ramp 'gelu'"):
        check_readback(ONE, Readback({"gelu": targets()}))


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_design_export_perturb_check_export_again_ends_with_a_column_that_passes(tmp_path, suffix):
    """The whole way, with files in between, on many columns with stuck devices and noise in every write."""
    device = DEVICE.model_copy(update={"stuck_off_rate": 0.02, "stuck_on_rate": 0.01})
    table = ramp_table(design_ramp("sigmoid", 5, "midpoint", device, realisation=Realisation(spares=5)), device)
    rounds = []
    for seed in range(25):
        path, readback = tmp_path / f"{seed}_0{suffix}", None
        save_table(path, table)
        for revision in range(10):
            current = load_table(path)
            assert current.revision == revision
            measured = tmp_path / f"{seed}_{revision}_measured.csv"
            readback = simulate_readback(current, device, Streams(seed), readback)
            write_readback(measured, readback.measured)
            report = check_readback(current, read_back(measured, current), 0.5)
            if report.passed:
                break
            assert current.design("sigmoid").ramp.tolist() == table.design("sigmoid").ramp.tolist()
            path = tmp_path / f"{seed}_{revision + 1}{suffix}"
            save_table(path, updated_table(current, report))
        assert report.passed, f"column {seed}"
        rounds.append(revision)
    assert max(rounds) > 0
    assert updated_table(current, report).to_write() == []


def test_a_proposal_that_is_written_exactly_gives_what_it_promises():
    device = DEVICE.model_copy(update={"stuck_off_rate": 0.03})
    exact = device.ideal().model_copy(update={"stuck_off_rate": 0.03})
    table = ramp_table(design_ramp("tanh", 5, "midpoint", device, realisation=Realisation(spares=6)), device)
    tried = 0
    for seed in range(20):
        first = simulate_readback(table, device, Streams(seed))
        report = check_readback(table, first, 0.2)
        after = updated_table(table, report)
        second = simulate_readback(after, exact, Streams(seed), first)
        again = check_readback(after, second, 0.2).ramps["tanh"]
        promised = report.ramps["tanh"]
        moved = set(promised.moves.values())
        if moved.isdisjoint(again.stuck):  # a spare may be stuck, which nobody can know before
            np.testing.assert_allclose(again.inl, promised.expected_inl, atol=1e-9)
            tried += bool(moved)
    assert tried > 5


def test_a_preset_without_stuck_devices_passes_after_one_round():
    device = load_preset("readc_taox")
    table = ramp_table(design_ramp("sigmoid", 4, "midpoint", device, realisation=Realisation(pulse_widths=(1, 0.25))))
    for seed in range(10):
        first = simulate_readback(table, device, Streams(seed))
        report = check_readback(table, first, 0.5)
        after = updated_table(table, report)
        second = simulate_readback(after, device, Streams(seed), first)
        assert check_readback(after, second, 0.5).passed
