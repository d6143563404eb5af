"""Figures of fitted devices and of presets."""

import numpy as np
import pytest

from memramp.devices import load_preset
from memramp.devices.fit import fit_device
from memramp.devices.measurements import load_measurements
from memramp.experiments.device_figures import plot_device, plot_fit
from memramp.experiments.figures import DPI


def fitted(tmp_path, header, rows):
    path = tmp_path / "measured.csv"
    path.write_text(header + "\n" + "".join(",".join(f"{cell:.9g}" for cell in row) + "\n" for row in rows))
    return fit_device(load_measurements(path))


@pytest.fixture
def alone(tmp_path):
    """One device at each of 30 targets."""
    error = np.random.default_rng(1).standard_normal(30)
    rows = [(target, target + each) for target, each in zip(np.linspace(10.0, 97.0, 30), error, strict=True)]
    return fitted(tmp_path, "target_uS,measured_uS", rows)


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_one_device_a_target_stands_out_from_the_band_of_the_fitted_device(alone):
    errors, distribution = plot_fit(alone).axes
    assert labels(errors) == ["fitted, 95 %", "fitted, ± std", "measured"]
    (measured,) = [line for line in errors.lines if line.get_label() == "measured"]
    np.testing.assert_allclose(measured.get_ydata(), alone.error)
    assert measured.get_markersize() >= 5
    assert measured.get_zorder() >= max(line.get_zorder() for line in errors.lines)
    (band,) = errors.collections
    x = band.get_paths()[0].vertices[:, 0]
    assert (x.min(), x.max()) == alone.window
    assert distribution.get_xlabel() == "programming error (uS)"


def test_the_measured_distribution_has_steps(alone):
    line = plot_fit(alone).axes[1].lines[0]
    assert line.get_label() == "measured"
    assert line.get_drawstyle().startswith("steps")
    np.testing.assert_allclose(line.get_ydata(), np.arange(31) / 30, atol=1e-12)


def test_four_panels_stand_in_two_rows(tmp_path):
    rng = np.random.default_rng(2)
    rows = [
        (target, target * time**-0.03 + 0.3 * rng.standard_normal(), number, read, time)
        for number, target in enumerate(np.repeat([20.0, 60.0, 100.0], 10))
        for time in (1.0, 100.0)
        for read in range(2)
    ]
    figure = plot_fit(fitted(tmp_path, "target_uS,measured_uS,device,read,time_s", rows))
    assert len(figure.axes) == 4
    width, height = figure.get_size_inches() * DPI
    assert width <= 1400
    assert height <= 1200
    assert "measured, ± std" in labels(figure.axes[0])


@pytest.mark.parametrize("name", ["yang2025_150us", "readc_taox", "readc_taox_write_verify"])
def test_both_panels_of_a_device_have_a_grid(name):
    figure = plot_device(load_preset(name), name)
    assert len(figure.axes) == 2
    assert all(line.get_visible() for axes in figure.axes for line in axes.get_xgridlines())
    assert not any("+-" in text for axes in figure.axes if axes.get_legend() for text in labels(axes))
