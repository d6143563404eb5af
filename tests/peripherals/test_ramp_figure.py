import sys

import numpy as np
import pytest

from memramp.devices import load_preset
from memramp.peripherals import Calibration, Realisation, design_ramp, inl_dnl, normal_density, program_ramp
from memramp.peripherals.expression import function_from_expression
from memramp.peripherals.figures import plot_ramp
from memramp.peripherals.wording import calibration_label

DEVICE = load_preset("yang2025_150us")
DESIGN = design_ramp("sigmoid", 5, "paper", DEVICE)


def chip(calibration, seed=1, design=DESIGN):
    return program_ramp(design, DEVICE, np.random.default_rng(seed), calibration)


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_figure_shows_the_staircases_and_the_inl_of_each_calibration(tmp_path):
    plain, calibrated = chip("none"), chip("one_point")
    figure = plot_ramp(DESIGN, [calibrated, plain])
    staircase, _, linearity = figure.axes
    drawn = [patch.get_data().values for patch in staircase.patches]
    assert len(drawn) == 3
    for values, expected in zip(drawn, (DESIGN.ramp, plain.values, calibrated.values), strict=True):
        assert (values == expected).all()
    inl = [inl_dnl(ramp.thresholds, DESIGN)[0] for ramp in (plain, calibrated)]
    np.testing.assert_allclose(linearity.lines[1].get_ydata(), inl[0])
    assert labels(figure) == [
        "ideal",
        f"uncalibrated: max |INL| {np.abs(inl[0]).max():.2f} LSB",
        f"one-point calibrated: max |INL| {np.abs(inl[1]).max():.2f} LSB",
    ]
    figure.savefig(tmp_path / "ramp.png")
    assert (tmp_path / "ramp.png").stat().st_size > 10_000


def test_chips_of_one_calibration_share_a_legend_entry():
    figure = plot_ramp(DESIGN, [chip("one_point", seed) for seed in range(3)])
    assert len(labels(figure)) == 2
    assert "mean of 3 chips" in labels(figure)[1]


def test_many_chips_are_bands_that_hold_all_and_most_of_them():
    chips = [chip("one_point", seed) for seed in range(40)]
    linearity = plot_ramp(DESIGN, chips).axes[2]
    inl = np.stack([inl_dnl(ramp.thresholds, DESIGN)[0] for ramp in chips])
    whole, most = (band.get_paths()[0].vertices[:, 1] for band in linearity.collections)
    assert (whole.min(), whole.max()) == (inl.min(), inl.max())
    assert most.max() == np.percentile(inl, 95, axis=0).max()
    assert len(linearity.lines) == 1  # of the ideal ramp
    assert "90 %" in linearity.get_title()
    assert len(plot_ramp(DESIGN, chips[:12]).axes[2].lines) == 13


def test_figure_tells_devices_and_limit():
    figure = plot_ramp(DESIGN, [chip("none")], about="0 to 150 uS, programming noise 5 uS", inl_limit=0.7)
    assert figure.get_suptitle().splitlines()[1] == "0 to 150 uS, programming noise 5 uS"
    assert [line.get_ydata()[0] for line in figure.axes[2].lines[-2:]] == [-0.7, 0.7]
    assert labels(figure)[-1] == "limit, 0.7 LSB"


def test_calibrations_of_one_kind_are_told_apart():
    chosen = [Calibration(copies=copies, tolerance=2.0) for copies in (1, 2, 3, 4, 5)] + [Calibration(kind="none")]
    figure = plot_ramp(DESIGN, [chip(calibration) for calibration in chosen])
    colours = [line.get_color() for line in figure.axes[1].lines[1:]]
    assert len(set(colours[:5])) == 5  # further ones begin anew
    assert sum("best of 3 copies" in label for label in labels(figure)) == 1


def test_transfer_curve_of_a_folded_function_falls_and_rises():
    design = design_ramp("gelu", 6, "midpoint", DEVICE)
    figure = plot_ramp(design, [chip("one_point", design=design)])
    transfer = figure.axes[1]
    fold, curve = transfer.lines[0], transfer.lines[2]
    assert fold.get_xdata()[0] == pytest.approx(-0.7518, abs=1e-4)
    steps = np.diff(curve.get_ydata())
    assert steps.min() < 0.0 < steps.max()


@pytest.mark.parametrize(
    "design",
    [
        design_ramp("relu", 3, "midpoint", DEVICE),  # with a lead-in
        design_ramp("tanh", 3, "lloyd_max", DEVICE, density=normal_density(0.0, 1.0)),
        design_ramp("sigmoid", 8, "midpoint", DEVICE, realisation=Realisation(pulse_widths=(1.0, 0.25), spares=2)),
        design_ramp(function_from_expression("x ** 2", (-1.1, 2), (0.0,)), 4, "midpoint", DEVICE),
    ],
    ids=["relu", "lloyd_max", "8 bit", "expression"],
)
def test_any_ramp_can_be_drawn(design, tmp_path):
    figure = plot_ramp(design, [chip("two_point", design=design)])
    figure.savefig(tmp_path / "ramp.png")
    staircase, transfer, _ = figure.axes
    assert (staircase.patches[0].get_data().values == design.ramp).all()
    outputs = transfer.lines[-1].get_ydata()
    assert set(np.unique(outputs)) == set(np.unique(design.outputs))


@pytest.mark.filterwarnings("error")
def test_the_ideal_ramp_can_be_drawn_alone_and_without_pyplot():
    before = "matplotlib.pyplot" in sys.modules
    assert len(plot_ramp(DESIGN, []).axes) == 3
    assert ("matplotlib.pyplot" in sys.modules) == before


@pytest.mark.parametrize(
    ("calibration", "label"),
    [
        (Calibration(kind="ideal_bias"), "ideal bias devices"),
        (Calibration(copies=4, remap=True), "one-point calibrated, best of 4 copies, stuck devices replaced"),
        (Calibration(kind="two_point", tolerance=1.5), "two-point calibrated, within 1.5 uS"),
    ],
)
def test_labels_say_what_was_done(calibration, label):
    assert calibration_label(calibration) == label
