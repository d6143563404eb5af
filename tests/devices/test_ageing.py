"""Drift, relaxation and temperature: what is drawn once stays, and the laws hold."""

import numpy as np
import pytest

from memramp.config import validate
from memramp.devices import Device, program
from memramp.devices.thermal import BOLTZMANN_EV, arrhenius
from memramp.errors import InputError

POWER = {"drift": {"kind": "power_law", "nu": 0.05, "nu_std": 0.02, "t_0": "1 s"}}
NORMAL = {"relaxation": {"kind": "normal", "sigma": "1 uS", "sigma_per_decade": 0.5, "mean_per_decade": -0.2}}
LOGNORMAL = {"relaxation": {"kind": "lognormal", "sigma": 0.05, "sigma_per_decade": 0.02}}
TABLE = {"relaxation": {"kind": "polynomial", "times": [1, "100 s"], "coefficients": [[0.01], [0.01, 0.04]]}}
PCM = {
    "drift": {
        "kind": "power_law_of_g", "t_0": 20.0, "nu": 0.0244, "nu_slope": -0.0155, "nu_min": 0.049, "nu_max": 0.1,
        "nu_std": -0.0059, "nu_std_slope": -0.0125, "nu_std_min": 0.008, "nu_std_max": 0.045,
    }
}  # fmt: skip
KINDS = {"drift": POWER, "drift of g": PCM, "normal": NORMAL, "lognormal": LOGNORMAL, "table": TABLE}
TARGET = np.linspace(20.0, 150.0, 400).reshape(20, 20)


def device(**keys):
    noise = {"kind": "constant", "sigma": 2.0}
    return validate(Device, {"g_min": 0, "g_max": 150, "prog_noise": noise, **keys}, "device")


def made(seed=1, target=TARGET, **keys):
    return program(device(**keys), target, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_time_zero_returns_the_programmed_state(kind):
    cells = made(**kind)
    assert cells.at(0.0) is cells.g
    assert (cells.at(50.0) != cells.g).mean() > 0.99


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_two_looks_at_one_time_give_the_same(kind):
    cells = made(**kind)
    earlier = cells.at(30.0)
    cells.at(60.0)
    assert (cells.at(30.0) == earlier).all()
    assert (made(**kind).at(30.0) == earlier).all()
    first, other = cells.ageing, made(seed=2, **kind).ageing
    drawn = first.nu if first.z is None else first.z
    assert (drawn != (other.nu if other.z is None else other.z)).all()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_stuck_devices_never_move(kind):
    cells = made(stuck_off_rate=0.2, stuck_on_rate=0.2, thermal={"kind": "linear", "coefficient": 0.002}, **kind)
    later = cells.at(50.0, 350.0)
    assert (later[cells.stuck_off] == 0.0).all()
    assert (later[cells.stuck_on] == 150.0).all()
    assert cells.stuck_off.any()
    assert cells.stuck_on.any()
    healthy = ~(cells.stuck_off | cells.stuck_on)
    assert (later[healthy] != cells.g[healthy]).all()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_ageing_moves_no_other_draw(kind):
    plain, ageing = made(stuck_off_rate=0.1), made(stuck_off_rate=0.1, **kind)
    assert (plain.g == ageing.g).all()
    assert plain.ageing is None
    assert plain.at(1e6) is plain.g
    # Two calls with one generator: the second draws what it drew without ageing.
    rng, other = np.random.default_rng(3), np.random.default_rng(3)
    twice = [program(device(), TARGET, rng).g for _ in range(2)]
    again = [program(device(**kind), TARGET, other).g for _ in range(2)]
    assert all((a == b).all() for a, b in zip(twice, again, strict=True))


def test_one_effect_moves_nothing_of_the_other():
    both, drift, relaxation = made(**POWER, **NORMAL), made(**POWER), made(**NORMAL)
    assert (both.ageing.nu == drift.ageing.nu).all()
    assert (both.ageing.z == relaxation.ageing.z).all()
    assert abs(np.corrcoef(both.ageing.nu.ravel(), both.ageing.z.ravel())[0, 1]) < 4.5 / np.sqrt(TARGET.size)
    expected = relaxation.at(100.0) * 100.0 ** -both.ageing.nu
    np.testing.assert_allclose(both.at(100.0), expected)


def test_doubling_the_time_takes_the_same_part_again():
    cells = made(**POWER)
    for start in (1.0, 10.0, 1e5):
        np.testing.assert_allclose(cells.at(2 * start) / cells.at(start), 2.0**-cells.ageing.nu, rtol=1e-12)
    assert (cells.at(1.0) == cells.at(0.5)).all()
    assert (cells.at(1.0) == cells.g).all()


def test_drift_of_the_conductance_has_the_published_exponents():
    # aihwkit's PCMLikeNoiseModel at g / g_max = 1, 0.1, 0.001: clip(0.0244 - 0.0155 ln r, 0.049, 0.1) and the like.
    drift = device(**PCM).drift
    g = 150.0 * np.array([1.0, 0.1, 0.001, 0.0])
    zeros, ones = np.zeros(4), np.ones(4)
    mean = drift.exponents(g, 150.0, zeros)
    np.testing.assert_allclose(mean, [0.049, 0.0244 + 0.0155 * np.log(10.0), 0.1, 0.1])
    std = drift.exponents(g, 150.0, ones) - mean
    np.testing.assert_allclose(std, [0.008, -0.0059 + 0.0125 * np.log(10.0), 0.045, 0.045])
    assert (drift.exponents(g, 150.0, -9.0 * ones) >= 0.0).all()


def test_normal_relaxation_grows_with_log_time():
    cells = made(**NORMAL)
    z = cells.ageing.z
    for t, sigma, mean in ((0.5, 0.5, 0.0), (1.0, 1.0, 0.0), (100.0, 2.0, -0.4), (1e4, 3.0, -0.8)):
        np.testing.assert_allclose(cells.at(t), np.maximum(cells.g + mean + sigma * z, 0.0), atol=1e-9)


def test_lognormal_relaxation_is_a_factor():
    cells = made(**LOGNORMAL)
    np.testing.assert_allclose(np.log(cells.at(1e3) / cells.g), 0.11 * cells.ageing.z, rtol=1e-9)


def test_tabulated_relaxation_is_interpolated_in_log_time():
    cells = made(**TABLE)
    ratio = np.clip(cells.g / 150.0, 0.0, 1.0)
    for t, spread in ((0.25, 0.0025), (1.0, 0.01), (10.0, 0.01 + 0.02 * ratio), (100.0, 0.01 + 0.04 * ratio)):
        np.testing.assert_allclose(cells.at(t) - cells.g, 150.0 * spread * cells.ageing.z, atol=1e-9)


def test_what_was_not_measured_is_not_made_up():
    with pytest.raises(InputError, match=r"known up to 100 s after programming, found 101 s"):
        made(**TABLE).at(101.0)


def test_no_conductance_falls_below_zero_and_signed_ones_keep_their_sign():
    relaxation = {"kind": "normal", "sigma": 50}
    cells = made(target=np.full(1000, 30.0), relaxation=relaxation)
    assert cells.at(1.0).min() == 0.0
    signed = program(device(relaxation=relaxation), np.zeros(1000), np.random.default_rng(1), floor=-np.inf)
    below = signed.g < 0.0
    assert (signed.at(1.0)[below] >= signed.g[below]).all()


@pytest.mark.parametrize("kind", [POWER, NORMAL, LOGNORMAL, TABLE], ids=["drift", "normal", "lognormal", "table"])
def test_hours_in_the_oven_stand_for_years_at_room_temperature(kind):
    hot = made(thermal={"kind": "linear", "retention_energy": "1.1 eV", "reference": 300.0}, **kind)
    plain = made(**kind)
    factor = np.exp(1.1 / BOLTZMANN_EV * (1.0 / 300.0 - 1.0 / 398.0))
    assert factor > 1e4
    np.testing.assert_allclose(hot.at(50.0 / factor, 398.0), plain.at(50.0), rtol=1e-12)
    np.testing.assert_allclose(hot.at(50.0), plain.at(50.0), rtol=1e-12)
    assert hot.at(0.0, 398.0) is hot.g


def test_conduction_with_temperature():
    linear = made(thermal={"kind": "linear", "coefficient": -0.001})
    np.testing.assert_allclose(linear.at(0.0, 350.0), 0.95 * linear.g)
    np.testing.assert_allclose(linear.at(0.0, 350.0, programmed_at=325.0), linear.g * 0.95 / 0.975)
    assert linear.at(0.0, 350.0, programmed_at=350.0) is linear.g
    hopping = made(thermal={"kind": "activated", "conduction_energy": "100 meV"})
    factor = np.exp(-0.1 / BOLTZMANN_EV * (1 / 350.0 - 1 / 300.0))
    assert factor > 1.7
    np.testing.assert_allclose(hopping.at(0.0, 350.0), factor * hopping.g)
    np.testing.assert_allclose(hopping.at(1e6, 250.0) / hopping.g, hopping.at(0.0, 250.0) / hopping.g)


def test_arrhenius_composes():
    one, two = arrhenius(0.7, 350.0, 300.0), arrhenius(0.7, 400.0, 350.0)
    assert one * two == pytest.approx(arrhenius(0.7, 400.0, 300.0))
    assert arrhenius(0.7, 300.0, 300.0) == 1.0
    assert arrhenius(0.0, 400.0, 300.0) == 1.0
    assert arrhenius(1.0, 400.0, 300.0) == pytest.approx(np.exp((1 / 300.0 - 1 / 400.0) / 8.617333262e-5), rel=1e-8)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"drift": {"kind": "power_law"}}, r"nu' is missing"),
        ({"drift": {"kind": "power_law", "nu": 2}}, r"nu.*less than or equal to 1"),
        ({"drift": {"kind": "power_law", "nu": 0.1, "nu_std": -0.1}}, r"nu_std"),
        ({"drift": {"kind": "power_law", "nu": 0.1, "t_0": 0}}, r"t_0"),
        ({"drift": {"kind": "power_law", "nu": 0.1, "t_0": "1 V"}}, r"unit s"),
        ({"drift": {"kind": "exponential"}}, r"'exponential', allowed: 'none', 'power_law'"),
        ({"drift": {**PCM["drift"], "nu_min": 0.2}}, r"nu_min is at most nu_max, found 0.2 and 0.1"),
        ({"relaxation": {"kind": "normal", "sigma": -1}}, r"sigma"),
        ({"relaxation": {"kind": "lognormal", "sigma": float("inf")}}, r"finite"),
        ({"relaxation": {**TABLE["relaxation"], "times": [2, 1]}}, r"must ascend"),
        ({"relaxation": {**TABLE["relaxation"], "times": [1]}}, r"as many, found 1 and 2"),
        ({"relaxation": {**TABLE["relaxation"], "coefficients": [[-0.1], [0]]}}, r"for 1 s must not be negative"),
        ({"thermal": {"kind": "linear", "coefficient": 1.0}}, r"coefficient"),
        ({"thermal": {"kind": "activated", "conduction_energy": "1 V"}}, r"unit eV"),
        ({"thermal": {"kind": "activated", "conduction_energy": -1}}, r"conduction_energy"),
        ({"thermal": {"kind": "linear", "reference": "27 C"}}, r"unit K"),
    ],
)
def test_impossible_ageing_is_refused_in_one_sentence(block, message):
    with pytest.raises(InputError, match=message) as caught:
        device(**block)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("t", [-1.0, float("nan"), float("inf"), 1e12])
def test_impossible_times_are_refused(t):
    for cells in (made(), made(**POWER)):
        with pytest.raises(InputError, match="time since programming must be 0 to 1e"):
            cells.at(t)


def test_impossible_temperatures_are_refused():
    hot = made(thermal={"kind": "linear", "coefficient": -0.01})
    with pytest.raises(InputError, match=r"coefficient of -0\.01/K.*have to be above 0"):
        hot.at(0.0, 400.0)
    with pytest.raises(InputError, match=r"at least 1 K, found 0\.5 K"):
        arrhenius(1.0, 0.5, 300.0)
    with pytest.raises(InputError, match="beyond any use"):
        arrhenius(10.0, 1000.0, 2.0)


def test_a_device_that_ages_survives_a_round_trip_through_plain_data():
    thermal = {"kind": "activated", "conduction_energy": 0.1, "retention_energy": 1.0}
    for kind in KINDS.values():
        first = device(thermal=thermal, **kind)
        assert first.ages
        assert validate(Device, first.model_dump(mode="json"), "manifest") == first
    assert not device().ages
    assert not first.ideal().ages
