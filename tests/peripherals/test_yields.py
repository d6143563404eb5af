from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from memramp.devices import ConstantNoise, Device
from memramp.errors import InputError
from memramp.peripherals import Calibration, Realisation, design_ramp, inl_dnl, program_columns, program_ramp, yields
from memramp.peripherals.linearity import missing_codes
from memramp.peripherals.yields import (
    Conditions,
    Limits,
    confidence_interval,
    linearity_of_columns,
    sweep,
    sweep_yield,
)
from memramp.streams import Streams

STREAMS = Streams(5)
ONE_POINT = Calibration()


def device(sigma=5.0, off=0.0, on=0.0):
    return Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=sigma), stuck_off_rate=off, stuck_on_rate=on)


NOISY = device(off=0.02)
ANY_BIAS = Limits(1.2, within_window=False)
SIGMOID = design_ramp("sigmoid", 5, "midpoint", NOISY)
FOLDED = design_ramp("gelu", 6, "midpoint", NOISY, realisation=Realisation(spares=2))
DEVICES = {"sigmoid": NOISY, "gelu": device(sigma=2.0, off=0.01)}


@pytest.fixture
def small_slices(monkeypatch):
    """A few columns a slice, so that small numbers of columns need many."""
    monkeypatch.setattr(yields, "_SLICE", 7 * len(SIGMOID.column.role))


def slow(design, limits, drawn):
    """Statistics of columns, one after the other: (mean, mean of max, 95 % quantile, good)."""
    inls, good = [], 0
    for index in range(len(drawn)):
        inl, dnl = inl_dnl(drawn[index].thresholds, design)
        inls.append(np.abs(inl))
        shown = {int(design.levels.codes[0]), int(design.levels.codes[-1])}
        for count in range(1, inl.size):
            if drawn[index].thresholds[count] > drawn[index].thresholds[count - 1] + 1e-12:
                shown.add(int(design.levels.codes[count]))
        fits = inls[-1].max() <= limits.inl and (limits.dnl is None or np.abs(dnl).max() <= limits.dnl)
        fits &= not limits.within_window or drawn[index].bias_overflow == 0.0
        good += fits and (not limits.no_missing_code or shown == set(design.levels.codes.tolist()))
    worst = [inl.max() for inl in inls]
    return float(np.mean(inls)), float(np.mean(worst)), float(np.quantile(worst, 0.95)), good


@pytest.mark.parametrize("limits", [ANY_BIAS, Limits(1.6, 0.9), Limits(6.0, no_missing_code=True)])
@pytest.mark.parametrize("design", [SIGMOID, FOLDED], ids=["sigmoid", "gelu"])
@pytest.mark.parametrize("calibration", [ONE_POINT, Calibration(kind="two_point", copies=2, remap=True)])
def test_statistics_are_those_of_a_loop_over_the_columns(design, calibration, limits):
    chosen = DEVICES[design.function.name]
    drawn = program_columns(design, chosen, STREAMS.generator("columns", 0), 200, calibration)
    _, found = linearity_of_columns(design, chosen, calibration, limits, 200, STREAMS)
    mean, mean_of_max, quantile, good = slow(design, limits, drawn)
    assert found.good == good
    assert 0 < good < 200
    assert (found.mean, found.mean_of_max, found.quantile_95) == pytest.approx((mean, mean_of_max, quantile))
    assert found.writes == pytest.approx(drawn.writes.mean())
    assert found.overflow == np.count_nonzero(drawn.bias_overflow)


def test_before_and_after_are_the_same_columns():
    before, _ = linearity_of_columns(SIGMOID, NOISY, ONE_POINT, Limits(), 300, STREAMS)
    _, none = linearity_of_columns(SIGMOID, NOISY, Calibration(kind="none"), Limits(), 300, STREAMS)
    assert before == none


@pytest.mark.usefixtures("small_slices")
def test_the_first_columns_do_not_depend_on_how_many_follow():
    worst = []
    for count in (3, 7, 20, 50):
        slices = [(STREAMS.generator("columns", k), min(7, count - 7 * k)) for k in range(-(-count // 7))]
        drawn = [program_columns(SIGMOID, NOISY, rng, size) for rng, size in slices]
        values = np.concatenate([np.abs(inl_dnl(part.thresholds, SIGMOID)[0]).max(axis=1) for part in drawn])
        _, found = linearity_of_columns(SIGMOID, NOISY, ONE_POINT, Limits(), count, STREAMS)
        assert found.mean_of_max == pytest.approx(values.mean())
        worst.append(values)
    for few, many in pairwise(worst):
        assert (few == many[: few.size]).all()


@pytest.mark.usefixtures("small_slices")
def test_all_columns_are_told_of():
    told = []
    linearity_of_columns(SIGMOID, NOISY, ONE_POINT, Limits(), 40, STREAMS, told.append)
    assert told == [7] * 5 + [5]


def test_a_point_does_not_depend_on_the_others():
    points = sweep(sigmas=(2.67, 5.0), stuck_off=(0.0, 0.01), copies=(1, 2))
    assert len(points) == 8
    all_of_them = dict(sweep_yield(SIGMOID, NOISY, ONE_POINT, points, Limits(), 100, STREAMS))
    for point in points[::-3]:
        alone = dict(sweep_yield(SIGMOID, NOISY, ONE_POINT, [point], Limits(), 100, STREAMS))
        assert alone == {point: all_of_them[point]}
    assert len({part.mean for part in all_of_them.values()}) == 8


def test_conditions_change_what_they_name_alone():
    under, calibration = Conditions(sigma=1.0, kind="two_point").applied_to(NOISY, Calibration(copies=3))
    assert under == device(sigma=1.0, off=0.02)
    assert calibration == Calibration(kind="two_point", copies=3)
    assert Conditions().applied_to(NOISY, ONE_POINT) == (NOISY, ONE_POINT)


def test_perfect_devices_make_good_columns_only():
    before, after = linearity_of_columns(SIGMOID, device(0.0), ONE_POINT, Limits(1e-9, 1e-9, True), 50, STREAMS)
    assert before.fraction == after.fraction == 1.0
    assert (after.mean, after.quantile_95) == (0.0, 0.0)


def test_a_code_is_missing_where_no_section_shows_it():
    thresholds = np.repeat(FOLDED.thresholds[None], 3, axis=0)
    codes = FOLDED.levels.codes
    twice = next(code for code in codes[1:-1] if (codes == code).sum() == 2)
    first, second = np.flatnonzero(codes == twice)
    thresholds[1, second] = thresholds[1, second - 1]  # seen in the falling section still
    thresholds[2, 30] = thresholds[2, 29]
    assert first == 0 or thresholds[1, first] > thresholds[1, first - 1]
    assert missing_codes(thresholds, FOLDED).sum(axis=1).tolist() == [0, 0, 1]


@pytest.mark.parametrize(("good", "total"), [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (9_999, 10_000)])
def test_interval_is_that_of_clopper_and_pearson(good, total):
    expected = stats.binomtest(good, total).proportion_ci(0.95, method="exact")
    assert confidence_interval(good, total) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("act", "fragment"),
    [
        (lambda: Limits(0.0), "INL must be a positive number"),
        (lambda: Limits(float("nan")), "found nan"),
        (lambda: Limits(1.0, -1.0), "DNL must be"),
        (lambda: linearity_of_columns(SIGMOID, NOISY, ONE_POINT, Limits(), 0, STREAMS), "1 to 10000000, found 0"),
        (lambda: Conditions(stuck_off=1.5).applied_to(NOISY, ONE_POINT), "stuck_off_rate"),
        (lambda: Conditions(copies=0).applied_to(NOISY, ONE_POINT), "copies"),
        (lambda: Conditions(sigma=-1.0).applied_to(NOISY, ONE_POINT), "sigma"),
        (lambda: linearity_of_columns(SIGMOID, load_other(), ONE_POINT, Limits(), 5, STREAMS), "devices of 1..150"),
    ],
)
def test_what_cannot_be_is_refused(act, fragment):
    with pytest.raises(InputError, match=fragment):
        act()


def load_other():
    return Device(g_min=1.0, g_max=150.0)


def test_a_column_of_a_batch_is_like_one_made_alone():
    alone = program_ramp(SIGMOID, NOISY, np.random.default_rng(3), ONE_POINT)
    batch = program_columns(SIGMOID, NOISY, np.random.default_rng(3), 1, ONE_POINT)
    assert (alone.thresholds == batch.thresholds[0]).all()
