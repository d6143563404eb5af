import numpy as np
import pytest

from memramp.experiments import load_experiment
from memramp.experiments.accuracy_figures import plot_chips, plot_sweep
from memramp.experiments.figures import plot_confusion, to_png
from memramp.experiments.results import PointSummary

CLASSES = ("silence", "unknown", "yes")
COUNTS = np.array([[90, 10, 0], [25, 75, 0], [0, 0, 0]])


def summary(point: int = 1, sweep=None, float_accuracy: float = 92.0, n: int = 5) -> PointSummary:
    chips = 90.0 - point + np.linspace(-1, 1, n)
    return PointSummary(point, sweep or {}, float_accuracy, 91.0, chips, COUNTS, np.zeros(len(chips)))


def sweep_of(write, settings, over):
    experiment = load_experiment(write(settings | {"sweep": {"over": over}}))
    return experiment, [summary(point.number, point.sweep) for point in experiment.points]


def labels(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


@pytest.mark.parametrize("n", [1, 5, 200])
def test_chips_are_drawn_one_by_one_with_float_and_ideal(n):
    figure = plot_chips(summary(n=n))
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert len(dots[0].get_xdata()) == n
    assert any("float network: 92.00" in label for label in labels(figure))
    assert any("ideal converter: 91.00" in label for label in labels(figure))
    assert to_png(figure).startswith(b"\x89PNG")


def test_sweep_is_drawn_over_the_first_number_with_its_unit(write, settings):
    over = {"activation.levels": ["paper", "midpoint"], "device.prog_noise.sigma": ["0 uS", "5e-6 S", 2]}
    figure = plot_sweep(*sweep_of(write, settings, over))
    axes = figure.axes[0]
    assert axes.get_xlabel() == "device.prog_noise.sigma (uS)"
    assert labels(figure) == ["paper", "midpoint", "ideal converter", "float network"]
    paper = next(line for line in axes.lines if line.get_marker() == "o" and line.get_linestyle() == "-")
    np.testing.assert_array_equal(paper.get_xdata(), [0, 2, 5])  # in the order of the axis
    np.testing.assert_array_equal(paper.get_ydata(), [89, 87, 88])


def test_words_are_categories_in_the_order_written(write, settings):
    figure = plot_sweep(*sweep_of(write, settings, {"activation.kind": ["uniform_adc", "nladc"]}))
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["uniform_adc", "nladc"]


def test_a_crowded_sweep_still_tells_its_lines_apart(write, settings):
    rates = [0, 0.1, 0.2, 0.3, 0.4]
    over = {"activation.bits": [3, 4], "device.preset": ["yang2025_150us"], "device.stuck_off_rate": rates}
    figure = plot_sweep(*sweep_of(write, settings, over))
    names = [f"yang2025_150us, {rate}" for rate in rates]
    assert labels(figure) == [*names, "float network"]
    to_png(figure)


def test_a_huge_sweep_with_long_values_still_fits(write, settings):
    blocks = [{"kind": "proportional", "fraction": k / 1000} for k in range(30)]
    over = {"device.read_noise": blocks, "activation.kind": ["nladc"]}
    experiment, summaries = sweep_of(write, settings, over)
    figure = plot_sweep(experiment, summaries)
    assert to_png(figure)  # a layout that does not fit would warn
    assert all(len(tick.get_text()) <= 40 for tick in figure.axes[0].get_xticklabels())
    over = {"activation.bits": [4], "device.prog_noise.sigma": list(range(40))}
    swapped = {"activation.bits": [4], "device.read_noise": blocks}
    for grid, lines in ((over, 1), (swapped, 30)):
        figure = plot_sweep(*sweep_of(write, settings, grid))
        assert to_png(figure)
        assert ("and 16 more" in labels(figure)) == (lines == 30)


def test_floats_that_differ_have_a_line_each(write, settings):
    experiment, _ = sweep_of(write, settings, {"activation.bits": [3, 4], "activation.levels": ["paper", "midpoint"]})
    summaries = [summary(p.number, p.sweep, 90.0 + p.number) for p in experiment.points]
    dashed = [line for line in plot_sweep(experiment, summaries).axes[0].lines if line.get_linestyle() == "--"]
    assert [list(line.get_ydata()) for line in dashed] == [[91.0, 93.0], [92.0, 94.0]]


def test_confusion_is_in_percent_of_the_true_class_with_true_in_rows():
    figure = plot_confusion(summary(), CLASSES)
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), [[90, 10, 0], [25, 75, 0], [0, 0, 0]])
    assert {(t.get_position(), t.get_text()) for t in axes.texts} == {
        ((0, 0), "90"), ((1, 0), "10"), ((0, 1), "25"), ((1, 1), "75"),
    }  # fmt: skip
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("found", "true")
