import sys

import numpy as np
import pytest

from memramp.devices import load_preset
from memramp.peripherals import design_ramp, inl_dnl, program_ramp
from memramp.peripherals.figures import plot_ramp

DEVICE = load_preset("yang2025_150us")
DESIGN = design_ramp("sigmoid", 5, "paper", DEVICE)


def chip(calibration, seed=1):
    return program_ramp(DESIGN, DEVICE, np.random.default_rng(seed), calibration)


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_figure_shows_the_staircases_and_the_inl_of_each_calibration(tmp_path):
    plain, calibrated = chip("none"), chip("one_point")
    figure = plot_ramp(DESIGN, [plain, calibrated])
    staircase, _, linearity = figure.axes
    drawn = [patch.get_data().values for patch in staircase.patches]
    assert len(drawn) == 3
    for values, expected in zip(drawn, (DESIGN.levels.ramp, plain.values, calibrated.values), strict=True):
        assert (values == expected).all()
    assert labels(staircase) == ["ideal", "uncalibrated", "one-point calibrated"]
    inl = inl_dnl(plain.thresholds, DESIGN)[0]
    np.testing.assert_allclose(linearity.lines[1].get_ydata(), inl)
    assert labels(linearity)[0] == f"uncalibrated: max {np.abs(inl).max():.2f}"
    figure.savefig(tmp_path / "ramp.png")
    assert (tmp_path / "ramp.png").stat().st_size > 10_000


def test_chips_of_one_calibration_share_a_legend_entry():
    figure = plot_ramp(DESIGN, [chip("one_point", seed) for seed in range(3)])
    assert labels(figure.axes[1]) == ["sigmoid", "one-point calibrated"]
    assert "(mean of 3)" in labels(figure.axes[2])[0]


@pytest.mark.filterwarnings("error")
def test_the_ideal_ramp_can_be_drawn_alone_and_without_pyplot():
    before = "matplotlib.pyplot" in sys.modules
    assert len(plot_ramp(DESIGN, []).axes) == 3
    assert ("matplotlib.pyplot" in sys.modules) == before
