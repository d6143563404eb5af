"""Nonlinear current against voltage: odd, monotone, quoted at v_ref, with derivatives that fit."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from memramp.config import validate
from memramp.devices import Device, iv_from_csv
from memramp.devices.iv import Curve
from memramp.errors import InputError

V = np.linspace(-0.5, 0.5, 2001)
POINTS = np.array([0.05, 0.1, 0.2, 0.3, 0.5])
TABLE = {"kind": "table", "voltages": POINTS.tolist(), "currents": np.sinh(4.0 * POINTS).tolist()}
BOTH = {
    "kind": "table",
    "voltages": [*(-POINTS[::-1]), 0.0, *POINTS],
    "currents": [*(-np.sinh(4.0 * POINTS[::-1])), 0.0, *(1.01 * np.sinh(4.0 * POINTS))],
}
CURVES = {"linear": {"kind": "linear"}, "sinh": {"kind": "sinh", "v_0": "0.25 V"}, "table": TABLE, "both": BOTH}


def curve(**block):
    return validate(Device, {"g_min": 0, "g_max": 150, "iv": block}, "device").iv


@pytest.fixture(params=CURVES.values(), ids=CURVES)
def made(request):
    return curve(**request.param)


def test_conductances_are_quoted_at_v_ref(made):
    assert made.current(75.0, 0.2) == 15.0  # uA
    assert made.current(75.0, -0.2) == -15.0


def test_curves_are_odd_and_monotone(made):
    current = made.current(100.0, V)
    np.testing.assert_allclose(current, -current[::-1], atol=1e-12)
    assert (np.diff(current) > 0.0).all()
    assert made.current(100.0, 0.0) == 0.0


def test_the_slope_is_the_derivative(made):
    middle = (V[1:] + V[:-1]) / 2
    np.testing.assert_allclose(made.slope(middle), np.diff(made.shape(V)) / np.diff(V), rtol=2e-3)
    assert made.current(np.full((3, 1), 50.0), V[None, :4]).shape == (3, 4)


def test_a_copy_with_other_points_is_another_curve_and_use_changes_none():
    used, fresh = curve(**TABLE), curve(**TABLE)
    used.shape(V)
    assert used == fresh
    assert hash(used) == hash(fresh)
    bent = tuple(np.sinh(8.0 * POINTS).tolist())
    assert used.model_copy(update={"currents": bent}).shape(0.4) == curve(**TABLE | {"currents": bent}).shape(0.4)


def test_sinh_by_hand():
    made = curve(kind="sinh", v_0=0.25)
    assert made.current(100.0, 0.5) == pytest.approx(100.0 * 0.2 * np.sinh(2.0) / np.sinh(0.8))
    nearly = curve(kind="sinh", v_0=1e4)
    np.testing.assert_allclose(nearly.current(100.0, V), 100.0 * V, rtol=1e-8)
    steep = curve(kind="sinh", v_0=1e-4)
    assert steep.current(1.0, 0.2) == pytest.approx(0.2)
    assert steep.current(1.0, 0.1) == 0.0  # exp(-1000): no float holds it, and no ammeter would show it


def test_a_table_passes_through_its_points_whatever_the_unit_of_its_currents():
    scaled = curve(**{**TABLE, "currents": (7.0 * np.sinh(4.0 * POINTS)).tolist()})
    for made in (curve(**TABLE), scaled):
        np.testing.assert_allclose(made.shape(POINTS), 0.2 * np.sinh(4.0 * POINTS) / np.sinh(0.8))


def test_the_two_polarities_are_averaged():
    np.testing.assert_allclose(curve(**BOTH).shape(POINTS), curve(**TABLE).shape(POINTS), rtol=1e-12)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"kind": "sinh"}, r"v_0' is missing"),
        ({"kind": "sinh", "v_0": 0}, r"v_0"),
        ({"kind": "sinh", "v_0": "1 S"}, r"unit V"),
        ({"kind": "sinh", "v_0": 0.1, "v_ref": -0.2}, r"v_ref"),
        ({"kind": "diode"}, r"'diode', allowed: 'linear', 'sinh', 'table'"),
        ({**TABLE, "currents": [1.0, 2.0]}, r"as many, found 5 and 2"),
        ({**TABLE, "currents": [1.0, 3.0, 2.0, 4.0, 5.0]}, r"currents must ascend, found 3 before 2"),
        ({**TABLE, "voltages": [0.1, 0.1, 0.2, 0.3, 0.4]}, r"voltages must ascend, found 0.1 before 0.1"),
        ({**TABLE, "currents": [-1.0, 2.0, 3.0, 4.0, 5.0]}, r"sign of their voltages"),
        ({**TABLE, "v_ref": 0.6}, r"v_ref must lie within the table, up to 0.5 V, found 0.6 V"),
        ({**TABLE, "currents": [1.0, 2.0, 3.0, 4.0, float("nan")]}, r"finite"),
        ({"kind": "table", "voltages": [-1.0, 0.0], "currents": [-1.0, 0.0]}, r"points of positive voltage"),
        ({"kind": "table", "voltages": [-1.0, 0.5], "currents": [-1.0, 0.5]}, r"needs its negative one"),
        ({"kind": "table", "voltages": [-1.0, 1.0], "currents": [-1.0, 1.5]},
         r"odd within 2 %.*found 1.5 at 1 V and -1 at -1 V"),
    ],
)  # fmt: skip
def test_impossible_curves_are_refused_in_one_sentence(block, message):
    with pytest.raises(InputError, match=message) as caught:
        curve(**block)
    assert "\n" not in str(caught.value)


def test_voltages_that_a_curve_does_not_know_are_refused():
    with pytest.raises(InputError, match=r"known up to 0.5 V, found 0.6 V"):
        curve(**TABLE).current(1.0, [0.1, -0.6])
    with pytest.raises(InputError, match=r"no finite current"):
        curve(kind="sinh", v_0=1e-4).current(1.0, 1.0)
    with pytest.raises(InputError, match=r"finite numbers"):
        curve(kind="linear").current(1.0, np.nan)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_measured_curve_from_a_file(tmp_path):
    rows = "".join(f"{v},{12.5 * np.sinh(4.0 * v)}\n" for v in POINTS)
    path = write(tmp_path / "iv.csv", f"# device 7, 50 uS\nvoltage_V,current_uA\n{rows}")
    np.testing.assert_allclose(iv_from_csv(path).shape(V), curve(**TABLE).shape(V))
    assert iv_from_csv(path, v_ref=0.3).current(10.0, 0.3) == 3.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("voltage_V,current_uA\n", r"iv.csv: .*voltages"),
        ("voltage_V,current_A\n0.1,1\n", r"lacks current_uA"),
        ("voltage_V,current_uA\n0.1,\n0.3,2\n", r"line 2: current_uA must be a finite number"),
        ("voltage_V,current_uA\n0.1;1\n", r"commas"),
        ("voltage_V,current_uA\n0.1,2\n0.3,1\n", r"currents must ascend"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        iv_from_csv(write(tmp_path / "iv.csv", text))
    assert "\n" not in str(caught.value)


def test_a_curve_survives_a_round_trip_through_plain_data(made):
    plain = TypeAdapter(Curve).dump_python(made, mode="json")
    assert TypeAdapter(Curve).validate_python(plain) == made
    hash(made)
