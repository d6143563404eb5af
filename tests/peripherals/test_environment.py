import numpy as np
import pytest

from memramp.config import validate
from memramp.devices import Device
from memramp.devices.iv import LinearCurve, SinhCurve
from memramp.errors import InputError
from memramp.peripherals import ActivationConfig, build_converter
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.circuit_effects import with_circuit
from memramp.peripherals.environment import EnvironmentConfig

V = np.random.default_rng(2).normal(0.0, 1.5, (40, 16)).astype(np.float32)
NOMINAL = {"v_read": 0.2, "temperature": 300.0}


def converter(kind="nladc", function="sigmoid"):
    config = ActivationConfig(kind=kind, bits=5)
    return build_converter(config, function, Device(g_min=0.0, g_max=150.0), np.random.default_rng(1))


def codes(kind, circuit=None, **environment):
    surrounded = with_circuit(
        converter(kind),
        validate(CircuitConfig, circuit or {}, "circuit"),
        75.0,
        columns=16,
        rng=np.random.default_rng(4),
        environment=validate(EnvironmentConfig, environment, "environment"),
    )
    return surrounded.convert(V, key=3)


def test_the_programmed_state_is_read_by_default_and_up_to_t_0():
    assert EnvironmentConfig().factors(**NOMINAL) == (1.0, 1.0)
    drifting = EnvironmentConfig(nu=0.1, t_0=10.0, t_inference=10.0)
    assert drifting.factors(**NOMINAL) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("settings", "factor"),
    [
        ({"v_read": "150 mV"}, 0.75),
        ({"temperature": "350 K", "temperature_coefficient": 0.002}, 1.1),
        ({"temperature": 350.0}, 1.0),
        ({"nu": 0.05, "t_inference": 1e4}, 10.0**-0.2),
        ({"nu": 0.05, "t_inference": 1e5, "t_0": 10.0, "v_read": 0.25}, 1.25 * 10.0**-0.2),
    ],
)
def test_factors(settings, factor):
    for acts_on, expected in (("both", (factor, factor)), ("weights", (factor, 1.0)), ("ramp", (1.0, factor))):
        found = validate(EnvironmentConfig, settings | {"acts_on": acts_on}, "environment")
        assert found.factors(**NOMINAL) == pytest.approx(expected, rel=1e-14)
    weights, ramp = validate(EnvironmentConfig, settings, "environment").factors(**NOMINAL, tracks=False)
    assert (weights, ramp) == pytest.approx((factor, 1.0), rel=1e-14)


@pytest.mark.parametrize("settings", [{"v_read": 0.15}, {"v_read": 0.25}, {"nu": 0.1, "t_inference": 1e6},
                                      {"temperature": 360.0, "temperature_coefficient": -0.001}])  # fmt: skip
def test_the_ramp_tracks_and_a_fixed_reference_does_not(settings):
    assert (codes("nladc", **settings) == codes("nladc")).all()
    assert (codes("uniform_adc", **settings) != codes("uniform_adc")).mean() > 0.2
    for acts_on in ("weights", "ramp"):
        assert (codes("nladc", **settings, acts_on=acts_on) != codes("nladc")).mean() > 0.2
    assert (codes("uniform_adc", **settings, acts_on="ramp") == codes("uniform_adc")).all()


def test_thresholds_move_by_the_ratio_of_the_factors():
    base = converter().base.astype(np.float64)
    for acts_on, ratio in (("weights", 0.8), ("ramp", 1.25)):
        moved = with_circuit(
            converter(), CircuitConfig(), 75.0, environment=EnvironmentConfig(v_read=0.25, acts_on=acts_on)
        )
        np.testing.assert_allclose(moved.base, ratio * base, rtol=1e-6)


def test_offset_and_noise_of_a_comparator_weigh_more_at_a_lower_read_voltage():
    circuit = CircuitConfig.model_validate({"comparator": {"offset_std": 0.002, "noise": 0.001}})
    low, high = (
        with_circuit(converter(), circuit, 75.0, columns=8, rng=np.random.default_rng(1),
                     environment=EnvironmentConfig(v_read=v_read))
        for v_read in (0.15, 0.25)
    )  # fmt: skip
    np.testing.assert_allclose(low.offset / high.offset, 0.25 / 0.15, rtol=1e-5)
    assert low.decision_std / high.decision_std == pytest.approx(0.25 / 0.15)
    assert low.decision_std == pytest.approx(0.001 / 0.09)  # 0.12 V per unit at 0.2 V
    assert (low.base == high.base).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"v_read": "0 V"}, "'v_read'"),
        ({"v_read": "0.2 S"}, "'v_read': .*unit V"),
        ({"temperature": "27 C"}, "'temperature': .*unit K"),
        ({"temperature": 0}, "'temperature'"),
        ({"t_inference": -1}, "'t_inference'"),
        ({"t_0": 0}, "'t_0'"),
        ({"acts_on": "input"}, "'acts_on'"),
        ({"drift": 0.1}, "unknown key 'drift'"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings, message):
    with pytest.raises(InputError, match=message) as caught:
        validate(EnvironmentConfig, settings, "environment")
    assert "\n" not in str(caught.value)


def test_a_temperature_at_which_no_conductance_is_left_is_refused():
    with pytest.raises(InputError, match=r"temperature_coefficient of -0\.02/K.* has to be above 0"):
        EnvironmentConfig(temperature=350.0, temperature_coefficient=-0.02).factors(**NOMINAL)


def test_a_nonlinear_curve_makes_more_of_a_change_of_voltage_and_cancels_where_both_have_it():
    curve = SinhCurve(v_0=0.1, v_ref=0.2)
    low = EnvironmentConfig(v_read=0.1)
    expected = np.sinh(1.0) / np.sinh(2.0)
    weights, ramp = low.factors(**NOMINAL, curves=(curve, curve))
    assert weights == ramp == pytest.approx(expected, rel=1e-12)
    weights, ramp = low.factors(**NOMINAL, curves=(curve, LinearCurve()))
    assert (weights, ramp) == (pytest.approx(expected, rel=1e-12), 0.5)
    assert EnvironmentConfig().factors(**NOMINAL, curves=(curve, curve)) == (1.0, 1.0)
