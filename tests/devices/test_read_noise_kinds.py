"""Each kind of read noise: its formula in numbers worked out by hand, when it acts, and what is refused."""

import numpy as np
import pytest

from memramp.config import validate
from memramp.devices import Device, ReadConditions
from memramp.devices.fluctuation import Fluctuation, Telegraph, held_only
from memramp.errors import InputError

G = np.array([[0.0, 1.0, 25.0], [50.0, 75.0, 150.0]])


def noise(kind, g_max=150.0, **keys):
    block = {"kind": kind, **keys}
    return validate(Device, {"g_min": 0, "g_max": g_max, "read_noise": block}, "device").read_noise


def test_thermal_noise_is_that_of_johnson_and_nyquist():
    # 4 k T G = 1.2425841e-24 A^2/Hz at 75 uS and 300 K; over 32 ns sqrt(S / (2 t)) = 4.40629e-9 A, by 0.2 V 22.0314 nS.
    found = noise("thermal").fluctuation(G, ReadConditions(v_read=0.2, t_pulse=32e-9, temperature=300.0))
    assert found.white[1, 1] == pytest.approx(0.0220314, rel=1e-5)
    assert (found.held == 0.0).all()
    assert found.telegraph is None
    np.testing.assert_allclose(found.white, found.white[1, 1] * np.sqrt(G / 75.0))


def test_thermal_noise_in_a_bandwidth_is_held():
    # sqrt(4 k T G B) = sqrt(1.2425841e-24 * 1e6) = 1.114713e-9 A, over 0.1 V 11.14713 nS.
    found = noise("thermal", bandwidth="1 MHz").fluctuation(G, ReadConditions(v_read=0.1))
    assert found.held[1, 1] == pytest.approx(0.01114713, rel=1e-6)
    assert (found.white == 0.0).all()


def test_shot_noise_has_the_charge_of_the_electron():
    # 2 q I at I = 75 uS * 0.2 V = 15 uA: 4.80653e-24 A^2/Hz; over 32 ns 8.66614e-9 A, over 0.2 V 43.3307 nS.
    found = noise("shot").fluctuation(G, ReadConditions())
    assert found.white[1, 1] == pytest.approx(0.0433307, rel=1e-5)
    assert noise("shot", bandwidth=1e6).fluctuation(G, ReadConditions()).held[1, 1] == pytest.approx(
        np.sqrt(2 * 1.602176634e-19 * 15e-6 * 1e6) / 0.2 * 1e6
    )
    third = noise("shot", fano=1 / 3).fluctuation(G, ReadConditions())
    np.testing.assert_allclose(third.white, found.white / np.sqrt(3.0))


@pytest.mark.parametrize(
    ("kind", "change", "factor"),
    [
        ("thermal", {"v_read": 0.4}, 0.5),  # a noise current is a smaller conductance at a higher voltage
        ("shot", {"v_read": 0.4}, np.sqrt(0.5)),
        ("thermal", {"t_pulse": 128e-9}, 0.5),
        ("shot", {"t_pulse": 128e-9}, 0.5),
        ("thermal", {"temperature": 1200.0}, 2.0),
        ("shot", {"temperature": 1200.0}, 1.0),
    ],
)
def test_how_white_noise_scales(kind, change, factor):
    base, changed = (noise(kind).fluctuation(G, ReadConditions(**case)) for case in ({}, change))
    np.testing.assert_allclose(changed.white, factor * base.white, rtol=1e-12)


def test_flicker_noise_is_the_integral_of_its_spectrum():
    found = noise("flicker", amplitude=1e-4, f_low="1 Hz", f_high="1 MHz").fluctuation(G, ReadConditions())
    f = np.geomspace(1.0, 1e6, 200_001)
    variance = np.trapezoid(1e-4 / f, f)
    np.testing.assert_allclose(found.held, G * np.sqrt(variance), rtol=1e-6)
    # Without f_high, up to 1 / (2 t_pulse).
    open_end = noise("flicker", amplitude=1e-4, f_low=1.0).fluctuation(G, ReadConditions(t_pulse=5e-7))
    np.testing.assert_allclose(open_end.held, found.held, rtol=1e-12)


def test_accumulated_flicker_noise_is_that_of_the_published_pcm_model():
    pcm = noise("accumulated_flicker", g_max=25.0, q=0.0088, exponent=0.65, q_max=0.2)
    g = np.array([0.0, 0.01, 2.5, 25.0])
    for t in (0.0, 3600.0, 86400.0 * 365):
        q_s = np.minimum(0.0088 / np.maximum((g / 25.0) ** 0.65, 1e-3), 0.2)  # as in aihwkit's PCMLikeNoiseModel
        sigma = g * q_s * np.sqrt(np.log((t + 20.0 + 250e-9) / (2 * 250e-9)))
        np.testing.assert_allclose(pcm.fluctuation(g, ReadConditions(t=t)).held, sigma, rtol=1e-12)


def test_a_polynomial_is_relative_to_the_window_that_it_belongs_to():
    coefficients = [0.01, 0.0, 0.04]
    for g_max in (50.0, 150.0):
        found = noise("polynomial", g_max=g_max, coefficients=coefficients)
        np.testing.assert_allclose(found.std([0.0, g_max / 2, g_max, 2 * g_max]),
                                   g_max * np.array([0.01, 0.02, 0.05, 0.05]))  # fmt: skip
    device = Device(g_min=0.0, g_max=100.0, read_noise=found)  # what was another device's follows the new one
    np.testing.assert_allclose(device.read_noise.std(100.0), 5.0)
    assert found.std(150.0) == pytest.approx(7.5)
    again = validate(Device, device.model_dump(), "manifest")
    assert again == device
    assert hash(again) == hash(device)


def test_relative_noise_without_a_device_says_so():
    from memramp.devices.read_noise import PolynomialNoise

    with pytest.raises(ValueError, match="belongs to a device"):
        PolynomialNoise(coefficients=(0.1,)).std(1.0)


def test_a_sum_adds_variances_kind_by_kind():
    parts = [{"kind": "constant", "sigma": 3}, {"kind": "proportional", "fraction": 0.04}, {"kind": "thermal"},
             {"kind": "shot"}, {"kind": "polynomial", "coefficients": [0.02]}]  # fmt: skip
    found = noise("sum", of=parts).fluctuation(G, ReadConditions())
    np.testing.assert_allclose(found.held**2, 9.0 + (0.04 * G) ** 2 + (0.02 * 150.0) ** 2)
    single = [noise(**part).fluctuation(G, ReadConditions()).white ** 2 for part in parts[2:4]]
    np.testing.assert_allclose(found.white**2, sum(single))
    np.testing.assert_allclose(noise("sum", of=parts).std(G) ** 2, found.variance(1.0))


@pytest.mark.parametrize("kind", [
    {"kind": "none"}, {"kind": "constant", "sigma": 2}, {"kind": "proportional", "fraction": 0.1}, {"kind": "thermal"},
    {"kind": "shot"}, {"kind": "flicker", "amplitude": 1e-4, "f_low": 10}, {"kind": "accumulated_flicker", "q": 0.01},
    {"kind": "polynomial", "coefficients": [0.1, 0.2]}, {"kind": "telegraph", "active": 0.1, "amplitude": 0.2},
])  # fmt: skip
def test_std_is_that_of_a_full_pulse_at_default_conditions(kind):
    made = noise(**kind)
    g = np.full(400_000, 60.0)
    variance = made.fluctuation(g, ReadConditions(), np.random.default_rng(1)).variance(1.0)
    assert made.std(60.0) ** 2 == pytest.approx(variance.mean(), rel=0.03 if made.toggles else 1e-12)
    assert made.std(G).shape == made.std(G.tolist()).shape == G.shape
    assert np.isfinite(made.std(0.0))


def test_telegraph_devices_are_the_same_at_any_conductance_and_more_join_where_more_toggle():
    few, many = (noise("telegraph", active=active, amplitude=0.1, log_std=0.5) for active in (0.05, 0.2))
    g = np.full((50, 40), 100.0)
    first = few.fluctuation(g, ReadConditions(), np.random.default_rng(3)).telegraph
    aged = few.fluctuation(0.5 * g, ReadConditions(), np.random.default_rng(3)).telegraph
    more = many.fluctuation(g, ReadConditions(), np.random.default_rng(3)).telegraph
    assert (aged.indices == first.indices).all()
    np.testing.assert_allclose(aged.delta, 0.5 * first.delta)
    assert set(first.indices) < set(more.indices)
    np.testing.assert_array_equal(more.delta[np.isin(more.indices, first.indices)], first.delta)
    assert (first.delta < 0.0).all()
    assert (first.duty == 0.5).all()


def test_no_telegraph_amplitude_leads_below_zero_and_each_direction_is_kept():
    g = np.linspace(0.0, 150.0, 2000)
    for direction, check in (("down", lambda d: (d <= 0).all()), ("up", lambda d: (d >= 0).all()),
                             ("either", lambda d: (d > 0).any() and (d < 0).any())):  # fmt: skip
        made = noise("telegraph", active=1.0, amplitude=0.8, log_std=1.0, direction=direction)
        told = made.fluctuation(g, ReadConditions(), np.random.default_rng(3)).telegraph
        assert check(told.delta)
        assert (g + told.delta >= 0.0).all()


def test_telegraph_noise_within_a_sum_is_drawn_for_itself():
    telegraph = {"kind": "telegraph", "active": 0.1, "amplitude": 0.1}
    g = np.full(500, 50.0)
    alone, joined, last = (
        noise("sum", of=parts).fluctuation(g, ReadConditions(), np.random.default_rng(5)).telegraph
        for parts in ([telegraph], [telegraph, {"kind": "shot"}], [telegraph, {"kind": "shot"}, telegraph])
    )
    assert (alone.indices == joined.indices).all()
    assert (last.indices[: alone.indices.size] == alone.indices).all()
    assert last.indices.size > alone.indices.size
    assert noise("sum", of=[telegraph]).toggles
    assert not noise("sum", of=[{"kind": "shot"}]).toggles


def test_telegraph_noise_needs_a_generator():
    with pytest.raises(ValueError, match="generator"):
        noise("telegraph", active=0.1, amplitude=0.1).fluctuation(G)


def test_a_device_with_two_traps_has_the_variances_of_both():
    both = Telegraph(np.array([1, 1]), np.array([-2.0, 4.0]), np.array([0.5, 0.25]))
    np.testing.assert_allclose(both.variance((3,)), [0.0, 4 * 0.25 + 16 * 0.1875, 0.0])
    joined = held_only(np.ones(3)).joined(Fluctuation(np.zeros(3), np.full(3, 2.0), both))
    np.testing.assert_allclose(joined.variance([1.0, -0.5, 0.0]), [1 + 4, 0.25 * (1 + 4.0) + 0.5 * 4, 0.0])


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"kind": "thermal", "bandwidth": 0}, r"bandwidth"),
        ({"kind": "thermal", "bandwidth": "1 V"}, r"unit Hz"),
        ({"kind": "shot", "fanoo": 1}, r"unknown key .*fanoo' \(did you mean 'fano'\?\)"),
        ({"kind": "shot", "fano": 2}, r"fano.*less than or equal to 1"),
        ({"kind": "flicker", "amplitude": 1e-3, "f_low": 10, "f_high": 1}, r"f_low must lie below f_high, found 10 Hz"),
        ({"kind": "flicker", "amplitude": -1, "f_low": 10}, r"amplitude"),
        ({"kind": "accumulated_flicker", "q": 0.01, "t_0": "1 ns", "t_read": "1 us"}, r"t_0 is at least t_read"),
        ({"kind": "polynomial", "coefficients": []}, r"coefficients"),
        ({"kind": "polynomial", "coefficients": [0.1, -0.5]}, r"must not be negative, found -0.4 at g = 1 g_max"),
        ({"kind": "polynomial", "coefficients": [float("nan")]}, r"finite"),
        ({"kind": "telegraph", "active": 5, "amplitude": 0.1}, r"active"),
        ({"kind": "telegraph", "active": 0.1, "amplitude": 0.1, "duty": 1.5}, r"duty"),
        ({"kind": "telegraph", "active": 0.1, "amplitude": 0.1, "direction": "left"}, r"direction"),
        ({"kind": "sum", "of": []}, r"of"),
        ({"kind": "sum", "of": [{"kind": "sum", "of": [{"kind": "none"}]}]}, r"kind.*'sum', allowed"),
        ({"kind": "sum", "of": [{"sigma": 1}]}, r"needs the key 'kind'"),
    ],
)
def test_impossible_noise_is_refused_in_one_sentence(block, message):
    with pytest.raises(InputError, match=message) as caught:
        noise(**block)
    assert "\n" not in str(caught.value)


def test_flicker_noise_below_its_lowest_frequency_is_refused():
    with pytest.raises(InputError, match=r"f_low must lie below f_high.*found 1e\+06 Hz and 500000 Hz"):
        noise("flicker", amplitude=1e-3, f_low=1e6).fluctuation(G, ReadConditions(t_pulse=1e-6))


@pytest.mark.parametrize("bad", [{"v_read": 0.0}, {"t_pulse": -1.0}, {"temperature": np.nan}, {"t": -1.0}])
def test_impossible_conditions_are_refused(bad):
    with pytest.raises(ValueError, match="positive"):
        ReadConditions(**bad)
