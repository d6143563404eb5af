"""What is held goes with the square of the pulse, what is white with its length; ageing has its distributions."""

import numpy as np
import pytest
from scipy import constants, stats

from memramp.config import validate
from memramp.devices import Device, ReadConditions, program
from memramp.devices.fluctuation import Fluctuation

pytestmark = pytest.mark.statistics

N = 40_000
SIGMAS = 4.5  # two-sided probability of a false alarm 7e-6
WIDTHS = (1.0, 0.5, 0.125)
READ = ReadConditions(v_read=0.15, t_pulse=16e-9, temperature=330.0)


def device(**keys):
    return validate(Device, {"g_min": 0, "g_max": 150, **keys}, "device")


def charges(density, bandwidth, width, rng):
    """Return charges of noise currents under pulses of a width, slice by slice in time [C]: the slow reference."""
    slices = int(32 * width)
    dt = READ.t_pulse / 32
    if bandwidth is None:  # white: the current of a slice of dt has the variance S / (2 dt)
        return np.sum(np.sqrt(density / (2 * dt)) * rng.standard_normal((N, slices)), axis=1) * dt
    held = np.sqrt(density * bandwidth) * rng.standard_normal((N, 1))
    return np.sum(np.repeat(held, slices, axis=1), axis=1) * dt


@pytest.mark.parametrize("bandwidth", [None, 1e6], ids=["white", "held"])
@pytest.mark.parametrize("kind", ["thermal", "shot"])
@pytest.mark.parametrize("width", WIDTHS)
def test_current_noise_integrated_over_time_has_the_variance_of_its_law(kind, bandwidth, width):
    g = 40.0  # uS
    density = 4 * constants.k * 330.0 * 40e-6 if kind == "thermal" else 2 * constants.e * 40e-6 * 0.15
    slow = charges(density, bandwidth, width, np.random.default_rng(1)) / (READ.v_read * READ.t_pulse) * 1e6
    block = {"kind": kind} if bandwidth is None else {"kind": kind, "bandwidth": bandwidth}
    told = device(read_noise=block).read_noise.fluctuation(np.array(g), READ)
    assert abs(slow.var() / told.variance(width) - 1.0) < SIGMAS * np.sqrt(2.0 / N)
    full = told.variance(1.0)
    assert told.variance(-width) == pytest.approx(full * (width if bandwidth is None else width**2))


@pytest.mark.parametrize("width", [*WIDTHS, -0.5])
def test_reads_drawn_device_by_device_have_the_variance_that_is_told(width):
    parts = [{"kind": "constant", "sigma": 3}, {"kind": "thermal"}, {"kind": "shot"}]
    told = device(read_noise={"kind": "sum", "of": parts}).read_noise.fluctuation(np.full(N, 60.0), READ)
    drawn = told.read(np.full(N, 60.0), width, np.random.default_rng(2))
    std = np.sqrt(told.variance(width)[0])
    assert abs(drawn.mean() - 60.0 * width) < SIGMAS * std / np.sqrt(N)
    assert abs(drawn.var() / std**2 - 1.0) < SIGMAS * np.sqrt(2.0 / N)


def test_without_a_pulse_there_is_no_charge():
    told = Fluctuation(held=np.full(5, 3.0), white=np.full(5, 3.0))
    assert (told.read(np.full(5, 60.0), 0.0, np.random.default_rng(2)) == 0.0).all()
    assert (told.variance(0.0) == 0.0).all()


def test_telegraph_devices_spend_their_duty_in_the_second_state():
    block = {"kind": "telegraph", "active": 0.3, "amplitude": 0.1, "duty": 0.2, "log_std": 0.4}
    g = np.full(200, 100.0)
    told = device(read_noise=block).read_noise.fluctuation(g, READ, np.random.default_rng(3))
    rng = np.random.default_rng(4)
    reads = np.stack([told.read(g, -0.5, rng) for _ in range(N // 10)])
    n, telegraph = len(reads), told.telegraph
    quiet = np.setdiff1d(np.arange(g.size), telegraph.indices)
    assert (reads[:, quiet] == -50.0).all()
    second = np.isclose(reads[:, telegraph.indices], -0.5 * (100.0 + telegraph.delta))
    assert (second | (reads[:, telegraph.indices] == -50.0)).all()
    assert (np.abs(second.mean(axis=0) - 0.2) < SIGMAS * np.sqrt(0.16 / n)).all()
    spread = told.variance(-0.5)[telegraph.indices]
    kurtosis = (1 - 3 * 0.16) / 0.16  # of a Bernoulli variable
    error = np.abs(reads[:, telegraph.indices].var(axis=0) / spread - 1.0)
    assert (error < SIGMAS * np.sqrt((kurtosis - 1.0) / n)).all()


def test_the_part_of_toggling_devices_and_their_amplitudes():
    block = {"kind": "telegraph", "active": 0.04, "amplitude": 0.02, "log_std": 0.5}
    g = np.full(N, 100.0)
    told = device(read_noise=block).read_noise.fluctuation(g, READ, np.random.default_rng(5)).telegraph
    assert abs(told.indices.size / N - 0.04) < SIGMAS * np.sqrt(0.04 * 0.96 / N)
    logs = np.log(-told.delta / 100.0)
    assert stats.kstest(logs, stats.norm(np.log(0.02), 0.5).cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    ("block", "t", "mean", "std"),
    [
        ({"drift": {"kind": "power_law", "nu": 0.03, "nu_std": 0.01}}, 1e4, -0.03, 0.01),
        ({"relaxation": {"kind": "lognormal", "sigma": 0.1, "sigma_per_decade": 0.05, "mean": -0.1}}, 1e2, -0.1, 0.2),
    ],
    ids=["drift", "lognormal"],
)
def test_logarithms_of_aged_devices_are_normal(block, t, mean, std):
    cells = program(device(**block), np.full(N, 80.0), np.random.default_rng(6))
    logs = np.log(cells.at(t) / cells.g) / (np.log(t) if "drift" in block else 1.0)
    assert stats.kstest(logs, stats.norm(mean, std).cdf).pvalue > 1e-4


def test_normal_relaxation_has_the_published_spread_of_time():
    # Falcone et al., arXiv 2502.04524, as in aihwkit: mean -0.089 ln t, std 0.0420 ln t + 0.4118 uS.
    ten = np.log(10.0)
    block = {"kind": "normal", "sigma": 0.41183342, "sigma_per_decade": 0.04201137 * ten,
             "mean_per_decade": -0.08900206 * ten}  # fmt: skip
    cells = program(device(relaxation=block), np.full(N, 50.0), np.random.default_rng(7))
    for t in (1.0, 3600.0, 3.15e8):
        change = cells.at(t) - cells.g
        expected = stats.norm(-0.08900206 * np.log(t), 0.04201137 * np.log(t) + 0.41183342)
        assert abs(change.mean() - expected.mean()) < SIGMAS * expected.std() / np.sqrt(N)
        assert abs(change.var() / expected.var() - 1.0) < SIGMAS * np.sqrt(2.0 / N)
