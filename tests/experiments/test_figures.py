import numpy as np
import pytest

from memramp.experiments import load_experiment
from memramp.experiments.accuracy_figures import plot_chips, plot_sweep
from memramp.experiments.axis_labels import time_label, unit_of, value_label
from memramp.experiments.figures import plot_array_ir_drop, plot_confusion, to_png
from memramp.experiments.preparation import prepare
from memramp.experiments.results import PointSummary
from memramp.models.metric import ACCURACY

CLASSES = ("silence", "unknown", "yes")
COUNTS = np.array([[90, 10, 0], [25, 75, 0], [0, 0, 0]])


def summary(point: int = 1, sweep=None, float_accuracy: float = 92.0, n: int = 5) -> PointSummary:
    chips = 90.0 - point + np.linspace(-1, 1, n)
    return PointSummary(point, sweep or {}, ACCURACY, float_accuracy, 91.0, chips, COUNTS, np.zeros(len(chips)))


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


def ticks(figure) -> list[tuple[float, str]]:
    axes = figure.axes[0]
    places = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    return [(float(place), label.get_text()) for place, label in places]


def test_times_that_span_decades_stand_at_even_distances_in_natural_units(write, settings):
    over = {"environment.t_inference": ["2592000 s", "0 s", 3600, 86400]}
    figure = plot_sweep(*sweep_of(write, settings, over))
    assert ticks(figure) == [(0, "0"), (1, "1 h"), (2, "1 d"), (3, "30 d")]
    assert figure.axes[0].get_xlabel() == "environment.t_inference, not to scale"
    line = next(line for line in figure.axes[0].lines if line.get_marker() == "o" and line.get_linestyle() == "-")
    np.testing.assert_array_equal(line.get_ydata(), [88, 87, 86, 89])  # 0 s is point 2


@pytest.mark.parametrize(
    ("ohms", "even"),
    [([0, 1, 2, 5], False), ([0.1, 1, 100], True), ([0.5, 1, 10], False), ([0, 0.1, 10], True), ([1], False)],
)
def test_numbers_stand_at_even_distances_only_where_a_scale_would_crowd_them(write, settings, ohms, even):
    figure = plot_sweep(*sweep_of(write, settings, {"crossbar.wires.r_row": ohms}))
    assert [place for place, _ in ticks(figure)] == (list(range(len(ohms))) if even else ohms)
    assert [name for _, name in ticks(figure)] == [f"{ohm:g}" for ohm in ohms]
    assert figure.axes[0].get_xlabel() == "crossbar.wires.r_row (ohm)" + (", not to scale" if even else "")


def test_many_numbers_over_decades_have_a_tick_here_and_there(write, settings):
    figure = plot_sweep(*sweep_of(write, settings, {"crossbar.wires.r_row": [2.0**k for k in range(-10, 11)]}))
    assert ticks(figure)[:2] == [(0, "0.000976562"), (3, "0.0078125")]
    assert len(ticks(figure)) <= 10


@pytest.mark.parametrize(
    ("key", "unit"),
    [
        ("device.prog_noise.sigma", "uS"),
        ("ramp_device.g_max", "uS"),
        ("device.stuck_off_rate", None),
        ("crossbar.scale", "uS per weight unit"),
        ("crossbar.wires.r_access", "ohm"),
        ("circuit.comparator.noise", "V"),
        ("circuit.c_fb", "F"),
        ("circuit.clock", "Hz"),
        ("environment.temperature", "K"),
        ("environment.t_inference", "s"),
        ("environment.v_read", "V"),
        ("environment.acts_on", None),
        ("crossbar.tile.adc.bits", "bit"),
        ("task", None),
    ],
)
def test_units_are_those_of_the_schema(key, unit):
    assert unit_of(key) == unit


def test_times_have_the_largest_unit_of_which_they_are_one_or_more():
    times = [0, 3e-10, 32e-9, 1e-6, 2e-3, 1.5, 90, 5400, 86400, 2592000, 3.1536e8]
    names = ["0", "3e-10 s", "32 ns", "1 us", "2 ms", "1.5 s", "1.5 min", "1.5 h", "1 d", "30 d", "10 y"]
    assert [time_label(time) for time in times] == names


def test_blocks_are_wrapped_below_the_axis_and_not_cut(write, settings):
    wires = [{"r_row": 0, "r_col": 0}, {"r_row": 0.3, "r_col": 0.3, "drive": "both", "sense": "both"}]
    over = {"crossbar.wires": wires, "activation.kind": ["nladc"]}
    figure = plot_sweep(*sweep_of(write, settings, over))
    assert [name.replace("\n", " ") for _, name in ticks(figure)] == [
        "r_row 0, r_col 0", "r_row 0.3, r_col 0.3, drive both, sense both",
    ]  # fmt: skip
    assert "\n" in ticks(figure)[1][1]
    assert value_label("{a: {b: true, c: 1}}").replace("\u00a0", " ") == "a.b true, a.c 1"
    assert value_label("{half") == "{half"


def test_the_ir_drop_is_that_of_the_worst_point_and_says_so(write, settings):
    wires = [{"r_row": 0.1}, {"r_row": 1, "r_col": 1}, {"r_row": 1, "r_col": 1, "drive": "both", "sense": "both"}]
    experiment = load_experiment(write(settings | {"sweep": {"over": {"crossbar.wires": wires}}}))
    title = plot_array_ir_drop(prepare(experiment)).axes[0].get_title()
    assert "driven left, sensed bottom" in title
    assert title.endswith("point 2, the worst of the sweep: crossbar.wires r_row 1, r_col 1")


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
