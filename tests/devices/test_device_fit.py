"""Devices fitted to measurements: what was simulated is found again; faulty files are refused."""

import numpy as np
import pytest

from memramp.devices import (
    ConstantNoise,
    Device,
    PolynomialNoise,
    ProportionalNoise,
    TableNoise,
    UniformNoise,
    load_preset,
    program_keyed,
    resolve_device,
)
from memramp.devices.fit import _ranked, first_states, fit_device, read_groups
from memramp.devices.fit_kinds import Candidate
from memramp.devices.measurements import load_measurements
from memramp.errors import InputError

TARGET = np.repeat(np.linspace(20.0, 140.0, 7), 150)
BIMODAL = TableNoise(targets=(0.0, 150.0), errors=((-6.0, -5.0, 4.0, 5.0), (-9.0, -8.0, 4.0, 5.0)))


def measured(tmp_path, noise, seed=1):
    device = Device(g_min=0.0, g_max=150.0, prog_noise=noise)
    g = program_keyed(device, TARGET, np.uint64(seed)).g
    path = tmp_path / "measured.csv"
    rows = "".join(f"{t:g},{value:.6f}\n" for t, value in zip(TARGET, g, strict=True))
    path.write_text("target_uS,measured_uS\n" + rows)
    return path


def many_reads(tmp_path, header, rows):
    path = tmp_path / "reads.csv"
    path.write_text(header + "\n" + "".join(",".join(f"{cell:.9g}" for cell in row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    "noise",
    [
        ConstantNoise(sigma=3.0),
        ProportionalNoise(fraction=0.05),
        PolynomialNoise(coefficients=(1.0, 12.0, -8.0), g_ref=140.0),
        UniformNoise(half_width=5.0),
        BIMODAL,
    ],
    ids=["constant", "proportional", "polynomial", "uniform", "table"],
)
def test_the_kind_that_was_simulated_is_chosen(tmp_path, noise):
    fit = fit_device(load_measurements(measured(tmp_path, noise)))
    assert fit.programming[0].kind == noise.kind
    assert {each.kind for each in fit.programming} == {"constant", "proportional", "polynomial", "uniform", "table"}
    device = fit.device()
    assert (device.g_min, device.g_max) == (20.0, 140.0)
    g = np.array([20.0, 80.0, 140.0])
    np.testing.assert_allclose(device.prog_noise.std(g), noise.std(g), rtol=0.25)


def test_a_table_keeps_mean_and_quantiles_of_each_target(tmp_path):
    fit = fit_device(load_measurements(measured(tmp_path, BIMODAL)))
    table = fit.device().prog_noise
    for value in np.unique(TARGET):
        own = fit.error[fit.target == value]
        assert table.std(value) == pytest.approx(own.std(), rel=0.05)
        assert table.mean(value) == pytest.approx(own.mean(), abs=0.2)
        assert table.window(value) == pytest.approx(np.abs(own).max(), rel=1e-4)


def test_repeated_reads_give_the_read_noise(tmp_path):
    rng = np.random.default_rng(2)
    rows = []
    for device, target in enumerate(np.repeat([20.0, 60.0, 100.0], 20)):
        g = target + 3.0 * rng.standard_normal()
        rows += [(target, g * (1.0 + 0.02 * rng.standard_normal()), device, read) for read in range(30)]
    data = load_measurements(many_reads(tmp_path, "target_uS,measured_uS,device,read", rows))
    assert data.devices == 60
    reads = np.array(rows)[:, 1].reshape(60, 30)
    mean, variance, freedom = read_groups(data)
    np.testing.assert_allclose(mean, reads.mean(axis=1), rtol=1e-7)  # the file has nine digits
    np.testing.assert_allclose(variance, reads.var(axis=1, ddof=1), rtol=1e-5)
    assert (freedom == 29).all()
    fit = fit_device(data)
    assert fit.reading[0].kind == "proportional"
    assert fit.reading[0].parameters["fraction"] == pytest.approx(0.02, rel=4.5 / np.sqrt(2 * 60 * 29))
    target, state = first_states(data)
    np.testing.assert_array_equal(target, np.repeat([20.0, 60.0, 100.0], 20))
    np.testing.assert_allclose(state, reads.mean(axis=1), rtol=1e-7)


def test_rows_without_a_device_are_told_apart_by_their_order(tmp_path):
    rows = [(50.0, 50.0 + device + 0.1 * read, read) for read in range(3) for device in range(10)]
    data = load_measurements(many_reads(tmp_path, "target_uS,measured_uS,read", rows))
    assert data.devices == 10
    mean, _, _ = read_groups(data)
    np.testing.assert_allclose(np.sort(mean), 50.1 + np.arange(10))


def test_times_give_the_drift(tmp_path):
    rng = np.random.default_rng(3)
    rows = []
    for device in range(40):
        nu = 0.05 + 0.01 * rng.standard_normal()
        rows += [(50.0 + device, (50.0 + device) * t**-nu, device, t) for t in (1.0, 10.0, 1e3, 1e5)]
    fit = fit_device(load_measurements(many_reads(tmp_path, "target_uS,measured_uS,device,time_s", rows)))
    assert fit.drift.devices == 40
    assert fit.drift.nu == pytest.approx(0.05, abs=4.5 * 0.01 / np.sqrt(40))
    assert fit.drift.nu_std == pytest.approx(0.01, rel=4.5 / np.sqrt(80))
    assert (fit.drift.t_0, fit.drift.last) == (1.0, 1e5)
    np.testing.assert_allclose(fit.error, 0.0, atol=1e-6)
    assert fit.programming[0].kind == "none"
    assert fit.device().drift.nu == pytest.approx(fit.drift.nu, rel=1e-5)  # six digits


def test_the_block_is_a_device_with_sources(tmp_path):
    path = measured(tmp_path, ConstantNoise(sigma=3.0))
    fit = fit_device(load_measurements(path), window=(0.0, 150.0))
    block = fit.block()
    assert block["g_max"] == {
        "value": 150.0,
        "unit": "uS",
        "source": f"measured.csv, sha256 {fit.measurements.digest}",
        "condition": "highest target of 1050 devices, unless it was given",
        "status": "fit",
    }
    sigma = block["prog_noise"]["sigma"]["value"]
    assert sigma == pytest.approx(3.0, rel=4.5 / np.sqrt(2 * TARGET.size))
    assert fit.device() == Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=sigma))
    assert resolve_device(block | {"prog_noise": {"kind": "none"}}).prog_noise.kind == "none"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("target_uS,measured_uS\n50,51\n60,59\n", "a fit needs at least 8 devices, found 2"),
        ("target_uS,measured_uS,read\n50,51,0\n50,51,0\n50,51,1\n", "were read 1 to 2 times.*add the column device"),
        ("target_uS,measured_uS,device,read\n50,51,0,0\n50,52,0,0\n", "line 3: device 0 of 50 uS stands twice.*line 2"),
        ("target_uS,measured_uS,device\n50,51,a\n", "line 2: device must be a whole number .*, found 'a'"),
        ("target_uS,measured_uS,time_s\n50,51,-1\n", "line 2: time_s must not be negative, found -1"),
        ("target_uS,measured_uS,temperature_K\n50,51,0\n", "line 2: temperature_K must be positive, found 0"),
        (
            "target_uS,measured_uS,device,temperature_K\n50,51,0,300\n50,55,0,350\n",
            "temperature_K must be the same in all rows, found 2 .300, 350 K.; fit the rows of one .* block 'thermal'",
        ),
        ("target_uS,measured_uS\n1e-5,1.1e-5\n2e-4,2e-4\n", "largest target_uS is 0.0002 uS, which looks like siemens"),
        ("target_uS,measured_uS\n1e-5,11\n2e-4,200\n", "largest target_uS is 0.0002 uS, which looks like siemens"),
        ("target_uS,measured_uS\n10,1.1e-5\n200,2e-4\n", "looks like siemens; multiply by 1e6"),
        ("target_uS,measured_uS\n50,51\n\n60,\n", "line 4: measured_uS must be a finite number"),
        ("target_uS,measured_uS,x\n50,51,1\n", "unknown column 'x', allowed: .*temperature_K"),
        ("target_uS,measured_uS\n" + 9 * "50,51\n", "the window is 50 to 50 uS; give g_min and g_max"),
    ],
)
def test_faulty_measurements_are_refused_in_one_sentence(tmp_path, text, message):
    path = tmp_path / "measured.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        fit_device(load_measurements(path))
    assert "\n" not in str(caught.value)
    assert "measured.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("window", "message"),
    [((150.0, 0.0), "g_min must lie below g_max"), ((30.0, 150.0), "do not lie in the window 30 to 150 uS")],
)
def test_windows_that_do_not_fit_are_refused(tmp_path, window, message):
    data = load_measurements(measured(tmp_path, ConstantNoise(sigma=1.0)))
    with pytest.raises(InputError, match=message):
        fit_device(data, window)


def test_one_temperature_is_a_condition_of_what_was_fitted(tmp_path):
    rows = [(target, target + (-1) ** i, 350.0) for i, target in enumerate(TARGET)]
    fit = fit_device(load_measurements(many_reads(tmp_path, "target_uS,measured_uS,temperature_K", rows)))
    assert fit.measurements.temperature == 350.0
    assert "first reads, 350 K;" in fit.block()["prog_noise"]["targets"]["condition"]


def alone(shift, mean=0.0, seed=5):
    """Return rows of 200 targets with a device each, whose error is one of two values with little spread."""
    rng = np.random.default_rng(seed)
    target = np.linspace(10.0, 140.0, 200)
    error = mean + shift * rng.choice([-1.0, 1.0], target.size) + 0.1 * rng.standard_normal(target.size)
    return np.column_stack([target, target + error])


def test_where_all_formulas_are_rejected_and_no_table_is_possible_a_warning_says_so(tmp_path):
    fit = fit_device(load_measurements(many_reads(tmp_path, "target_uS,measured_uS", alone(4.0))))
    assert fit.programming[0].aic == min(each.aic for each in fit.programming)
    assert fit.left_out["table"] == "needs 20 devices at each target, found 1"
    kind = fit.programming[0].kind
    assert fit.rejected.startswith(f"the best formula, {kind}, is rejected (p = ")
    assert fit.rejected in fit.warnings
    (condition,) = [value["condition"] for key, value in fit.block()["prog_noise"].items() if key != "kind"]
    assert f"the best formula, {kind}, is rejected" in condition
    assert "needs 20 devices at each target, found 1" in condition


def test_a_formula_of_a_larger_criterion_is_not_taken_because_the_test_passes_it():
    made = [Candidate("uniform", {}, "uS", 1.0, 0.001), Candidate("constant", {}, "uS", 2.0, 0.5)]
    table = Candidate("table", {}, "uS", np.nan, np.nan)
    assert [each.kind for each in _ranked(made[::-1])] == ["uniform", "constant"]
    assert [each.kind for each in _ranked([*made, table])] == ["table", "uniform", "constant"]


def test_a_systematic_error_is_told_unless_a_table_holds_it(tmp_path):
    def fitted(rows):
        return fit_device(load_measurements(many_reads(tmp_path, "target_uS,measured_uS", rows)))

    assert fitted(alone(1.0)).systematic == ""
    said = fitted(alone(1.0, mean=0.5)).systematic
    assert "more than 3 standard errors of 0.072 uS from 0: it is systematic, and no part of" in said
    shifted = fitted([(target, target + 5.0 + 0.1 * (i % 2)) for i, target in enumerate(TARGET)])
    assert (shifted.programming[0].kind, shifted.systematic, shifted.warnings) == ("table", "", ())
    exact = fitted([(target, target + 5.0) for target in np.linspace(10.0, 90.0, 9)])
    assert "the mean error of 5 uS" in exact.systematic


def test_zeros_without_an_error_count_for_no_formula(tmp_path):
    rng = np.random.default_rng(6)
    on = [(target, target * (1.0 + 0.05 * rng.standard_normal())) for target in TARGET]
    with_zeros, without = (
        fit_device(load_measurements(many_reads(tmp_path, "target_uS,measured_uS", rows))).programming
        for rows in ([*on, *[(0.0, 0.0)] * 150], on)
    )
    assert with_zeros[0].kind == without[0].kind == "proportional"
    kept, whole = ({each.kind: each.aic for each in found if each.kind != "table"} for found in (with_zeros, without))
    assert kept == pytest.approx(whole)


def test_proportional_is_not_tried_where_zeros_have_errors(tmp_path):
    rows = [(target, target + 0.1 * (i % 2)) for target in (0.0, 50.0, 100.0) for i in range(10)]
    fit = fit_device(load_measurements(many_reads(tmp_path, "target_uS,measured_uS", rows)))
    assert {each.kind for each in fit.programming} == {"constant", "uniform", "polynomial"}
    assert fit.left_out == {
        "proportional": "has no error at target 0, where errors were measured",
        "table": "needs 20 devices at each target, found 10",
    }


def test_devices_of_a_published_preset_come_back_as_such(tmp_path):
    fit = fit_device(load_measurements(measured(tmp_path, load_preset("readc_taox").prog_noise)))
    assert fit.programming[0].kind == "uniform"
    assert fit.programming[0].parameters["half_width"] == pytest.approx(5.0, rel=0.01)
