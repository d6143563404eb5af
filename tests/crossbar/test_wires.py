"""Wires of an array: the circuit's laws, golden cases, limits, and what a user may get wrong."""

import numba
import numpy as np
import pytest

from memramp import memory
from memramp.config import validate
from memramp.crossbar.wire_netlist import reference_currents
from memramp.crossbar.wires import Lines, NotConvergedError, WireConfig, ir_drop, solve
from memramp.errors import InputError

UNEQUAL = WireConfig(r_row=2.0, r_col=7.0, r_source=31.0, r_sink=13.0)
ONE_OHM = WireConfig(r_row=1.0, r_col=1.0, r_source=1.0, r_sink=1.0)


def array(rows, cols, seed=1):
    """Return devices of 2.5 to 250 kohm [uS] and inputs of both signs [V]."""
    rng = np.random.default_rng(seed)
    return 1e6 / np.exp(rng.uniform(np.log(2.5e3), np.log(2.5e5), (rows, cols))), rng.uniform(-0.2, 0.2, rows)


def plain(g, v):
    return np.array([(g * x[:, None]).sum(axis=0) for x in np.atleast_2d(v)])


def dense_nodal_currents(g, r_row, r_col, r_source, r_sink, v):
    """Solve drivers left, sinks at the bottom, by a dense conductance matrix; all resistances above 0."""
    rows, cols = g.shape
    matrix, injected = np.zeros((2 * rows * cols, 2 * rows * cols)), np.zeros(2 * rows * cols)

    def word(i, j):
        return i * cols + j

    def bit(i, j):
        return rows * cols + i * cols + j

    def connect(a, b, siemens):
        matrix[a, a] += siemens
        matrix[b, b] += siemens
        matrix[a, b] -= siemens
        matrix[b, a] -= siemens

    for i in range(rows):
        for j in range(cols):
            connect(word(i, j), bit(i, j), 1e-6 * g[i, j])
            if j + 1 < cols:
                connect(word(i, j), word(i, j + 1), 1.0 / r_row)
            if i + 1 < rows:
                connect(bit(i, j), bit(i + 1, j), 1.0 / r_col)
    for i in range(rows):
        matrix[word(i, 0), word(i, 0)] += 1.0 / r_source
        injected[word(i, 0)] += v[i] / r_source
    for j in range(cols):
        matrix[bit(rows - 1, j), bit(rows - 1, j)] += 1.0 / r_sink
    volts = np.linalg.solve(matrix, injected)
    return np.array([1e6 * volts[bit(rows - 1, j)] / r_sink for j in range(cols)])


def test_row_and_column_resistances_are_not_swapped_asymmetric_golden_case():
    g, v = array(7, 4)
    golden = dense_nodal_currents(g, 2.0, 7.0, 31.0, 13.0, v)
    found = solve(g, UNEQUAL, v).currents[0]
    np.testing.assert_allclose(found, golden, rtol=0, atol=1e-10 * np.abs(golden).max())
    swapped = solve(g, WireConfig(r_row=7.0, r_col=2.0, r_source=31.0, r_sink=13.0), v).currents[0]
    assert np.abs(swapped - golden).max() > 1e-3 * np.abs(golden).max()


def test_one_cell_is_a_series_of_resistors():
    found = solve([[100.0]], WireConfig(r_source=1000.0, r_sink=3000.0, cell="1T1R", r_access=500.0), [1.0]).currents
    assert found == pytest.approx(1e6 / (1000.0 + 3000.0 + 500.0 + 1e4), rel=1e-13)


@pytest.mark.parametrize("drive", ["left", "right", "both"])
@pytest.mark.parametrize("sense", ["bottom", "top", "both"])
@pytest.mark.parametrize("shape", [(6, 5), (1, 6), (6, 1), (1, 1), (5, 9)])
def test_every_end_and_shape_agrees_with_nodal_analysis(drive, sense, shape):
    g, v = array(*shape)
    wires = WireConfig(r_row=200.0, r_col=70.0, r_source=310.0, r_sink=13.0, drive=drive, sense=sense)
    golden = reference_currents(g, wires, v)
    np.testing.assert_allclose(solve(g, wires, v).currents[0], golden, rtol=0, atol=1e-10 * np.abs(golden).max())


@pytest.mark.parametrize("zeros", [("r_row",), ("r_col",), ("r_source",), ("r_sink",), ("r_row", "r_source"),
                                   ("r_col", "r_sink"), ("r_row", "r_col"), ("r_source", "r_sink"),
                                   ("r_row", "r_col", "r_source"), ("r_row", "r_col", "r_sink")])
@pytest.mark.parametrize("ends", [("left", "bottom"), ("both", "both")])
def test_any_resistance_may_be_zero(zeros, ends):
    g, v = array(6, 5)
    values = {"r_row": 20.0, "r_col": 70.0, "r_source": 310.0, "r_sink": 13.0} | dict.fromkeys(zeros, 0.0)
    wires = WireConfig(**values, drive=ends[0], sense=ends[1])
    golden = reference_currents(g, wires, v)
    np.testing.assert_allclose(solve(g, wires, v).currents[0], golden, rtol=0, atol=1e-10 * np.abs(golden).max())


@pytest.mark.parametrize("drive", ["left", "both"])
@pytest.mark.parametrize("shape", [(64, 48), (1, 7), (7, 1), (3, 3)])
def test_without_resistance_currents_are_the_plain_product_bit_for_bit(shape, drive):
    g, v = array(*shape)
    g[0, 0] = 0.0
    solution = solve(g, WireConfig(drive=drive), np.stack([v, 2.0 * v]))
    np.testing.assert_array_equal(solution.currents, plain(g, [v, 2.0 * v]))
    assert solution.residual.max() == 0.0


def test_vanishing_resistance_comes_to_the_plain_product():
    g, v = array(32, 32)
    most = 0.2 * max(g.sum(axis=0).max(), g.sum(axis=1).max())  # of any line's current
    for ohms in (1e-3, 1e-6, 1e-9):
        tiny = WireConfig(r_row=ohms, r_col=ohms, r_source=ohms, r_sink=ohms)
        loss = 2 * 32 * ohms * 1e-6 * most  # of any device's voltage
        error = np.abs(solve(g, tiny, v).currents - plain(g, v)).max()
        assert 0.0 < error <= loss * g.sum(axis=0).max()


def test_kirchhoffs_current_law_holds_at_every_node():
    g, v = array(33, 18)
    solution = solve(g, UNEQUAL, v, voltages=True, tolerance=1e-13)
    w, b = solution.word_lines[0], solution.bit_lines[0]
    device = g * (w - b)
    along = np.hstack([(v[:, None] - w[:, :1]) / 31.0, -np.diff(w, axis=1) / 2.0, np.zeros((33, 1))]) * 1e6
    down = np.vstack([np.zeros((1, 18)), -np.diff(b, axis=0) / 7.0, b[-1:] / 13.0]) * 1e6
    largest = np.abs(along).max()
    assert np.abs(along[:, :-1] - along[:, 1:] - device).max() < 1e-9 * largest
    assert np.abs(down[:-1] + device - down[1:]).max() < 1e-9 * largest
    np.testing.assert_allclose(down[-1], solution.currents[0], rtol=0, atol=1e-9 * largest)


def test_reciprocity_driver_and_sink_may_change_places():
    g, _ = array(9, 6)
    seen = np.array([solve(g, UNEQUAL, e).currents[0] for e in np.eye(9)])
    turned = WireConfig(r_row=7.0, r_col=2.0, r_source=13.0, r_sink=31.0, drive="right", sense="top")
    back = np.array([solve(g.T, turned, e).currents[0] for e in np.eye(6)])
    np.testing.assert_allclose(seen, back.T, rtol=1e-9)


def test_superposition_holds():
    g, v = array(16, 12)
    a, b = v.copy(), v.copy()
    a[8:] = b[:8] = 0.0
    parts = solve(g, ONE_OHM, np.stack([a, b, v])).currents
    np.testing.assert_allclose(parts[0] + parts[1], parts[2], rtol=0, atol=1e-9 * np.abs(parts[2]).max())


def test_doubling_the_read_voltage_leaves_the_relative_ir_drop_unchanged():
    g, _ = array(24, 24)
    v = np.random.default_rng(3).uniform(0.05, 0.2, 24)
    np.testing.assert_array_equal(ir_drop(g, UNEQUAL, v), ir_drop(g, UNEQUAL, 2.0 * v))
    assert 0.0 < ir_drop(g, UNEQUAL, v).min() < ir_drop(g, UNEQUAL, v).max() < 1.0


def test_ir_drop_is_nan_without_input_and_zero_without_wires():
    g, v = array(4, 3)
    v[1] = 0.0
    assert np.isnan(ir_drop(g, ONE_OHM, v)[1]).all()
    np.testing.assert_array_equal(ir_drop(g, WireConfig(), np.ones(4)), np.zeros((4, 3)))


@pytest.mark.parametrize("level", [0.0, 1e6])
def test_open_and_shorted_devices(level):
    g, v = array(12, 10)
    g[np.random.default_rng(2).random(g.shape) < 0.3] = level
    golden = reference_currents(g, UNEQUAL, v)
    np.testing.assert_allclose(solve(g, UNEQUAL, v).currents[0], golden, rtol=0, atol=1e-9 * np.abs(golden).max())


def test_an_array_of_open_devices_carries_nothing():
    assert not solve(np.zeros((5, 4)), UNEQUAL, np.ones(5)).currents.any()
    assert solve(np.zeros((5, 4)), UNEQUAL, np.ones(5)).residual[0] < 1e-15


def test_an_array_of_short_circuits_converges_to_the_wires_alone():
    solution = solve(np.full((40, 40), 1e6), ONE_OHM, np.ones(40))
    golden = reference_currents(np.full((40, 40), 1e6), ONE_OHM, np.ones(40))
    np.testing.assert_allclose(solution.currents[0], golden, rtol=1e-9)


def test_driving_both_ends_helps_the_far_columns_and_is_symmetric():
    one = ir_drop(np.full((20, 30), 100.0), WireConfig(r_row=5.0), np.ones(20))
    both = ir_drop(np.full((20, 30), 100.0), WireConfig(r_row=5.0, drive="both"), np.ones(20))
    assert (both[:, 1:] < one[:, 1:]).all()
    np.testing.assert_allclose(both, both[:, ::-1], rtol=1e-9)


def test_access_transistors_add_to_the_memristors_and_switch_lines_off():
    g, v = array(8, 6)
    access = UNEQUAL.model_copy(update={"cell": "1T1R", "r_access": 2000.0})
    in_series = 1.0 / (1.0 / g + 2000.0 * 1e-6)
    np.testing.assert_allclose(solve(g, access, v).currents, solve(in_series, UNEQUAL, v).currents, rtol=1e-12)
    driven = np.arange(8) < 3
    off = solve(g, access, np.where(driven, v, 0.0), Lines(driven=driven)).currents
    cut = np.where(driven[:, None], in_series, 0.0)
    np.testing.assert_allclose(off, solve(cut, UNEQUAL, v).currents, rtol=1e-9)


@pytest.mark.parametrize("scheme", ["floating", "grounded", "half", "third"])
def test_sneak_currents_of_lines_that_are_not_selected(scheme):
    g, _ = array(7, 6)
    row, col = np.arange(7) == 2, np.arange(6) == 4
    lines, v = Lines.select(row, col, scheme, 0.2), np.where(row, 0.2, 0.0)
    solution = solve(g, UNEQUAL, v, lines)
    golden = reference_currents(g, UNEQUAL, v, lines)
    np.testing.assert_allclose(solution.currents[0], golden, rtol=0, atol=1e-10 * np.abs(golden).max())
    if scheme == "floating":
        assert solution.currents[0, 4] > 1.3 * solve(g, UNEQUAL, v).currents[0, 4]
        assert not solution.currents[0, ~col].any()


@pytest.mark.parametrize("seed", range(40))
def test_random_circuits_agree_with_nodal_analysis(seed):
    """Any shape, ends, zeros, open and shorted devices, selected lines; rounding of the analysis allows 1e-8."""
    rng = np.random.default_rng(seed)
    rows, cols = rng.integers(1, 12, 2)
    g = 10.0 ** rng.uniform(-1.0, 3.0, (rows, cols))
    g[rng.random(g.shape) < 0.2] = rng.choice([0.0, 1e6])
    ohms = np.where(rng.random(4) < 0.25, 0.0, 10.0 ** rng.uniform(-1.0, 4.0, 4))
    wires = WireConfig(
        **dict(zip(["r_row", "r_col", "r_source", "r_sink"], ohms, strict=True)),
        drive=rng.choice(["left", "right", "both"]), sense=rng.choice(["top", "bottom", "both"]),
    )
    driven, sensed = rng.random(rows) < 0.6, rng.random(cols) < 0.6
    driven[0] = sensed[0] = True
    lines = Lines(driven, sensed, rng.choice([None, 0.3]), rng.choice([None, 0.4]))
    v = np.where(driven, rng.uniform(-0.2, 0.2, rows), 0.0)
    golden = reference_currents(g, wires, v, lines)
    found = solve(g, wires, v, lines).currents[0]
    np.testing.assert_allclose(found, golden, rtol=0, atol=1e-8 * max(np.abs(golden).max(), 1e-3))


def test_sneak_path_of_a_two_by_two_array_by_hand():
    """The other three devices stand in series beside the selected one."""
    g = np.array([[100.0, 40.0], [20.0, 50.0]])
    first = np.array([True, False])
    found = solve(g, WireConfig(), [0.2, 0.0], Lines.select(first, first, "floating")).currents[0, 0]
    assert found == pytest.approx(0.2 * (100.0 + 1.0 / (1 / 40 + 1 / 50 + 1 / 20)), rel=1e-9)


def test_lines_that_nothing_reaches_rest_at_zero():
    first = np.array([True, False, False])
    g = np.zeros((3, 3))
    g[0, 0] = 100.0
    solution = solve(g, ONE_OHM, [0.2, 0.0, 0.0], Lines.select(first, first, "floating"), voltages=True)
    assert not solution.word_lines[0, 1:].any()
    assert not solution.bit_lines[0, :, 1:].any()


def test_bits_do_not_depend_on_threads_or_on_the_split_of_the_batch():
    g, _ = array(110, 100)
    v = np.random.default_rng(4).uniform(-0.2, 0.2, (9, 110))
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        whole = solve(g, UNEQUAL, v).currents
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
        threaded = solve(g, UNEQUAL, v).currents
    finally:
        numba.set_num_threads(before)
    parts = np.concatenate([solve(g, UNEQUAL, v[:4]).currents, solve(g, UNEQUAL, v[4:]).currents])
    np.testing.assert_array_equal(whole, threaded)
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_array_equal(whole, solve(g, UNEQUAL, v[::-1]).currents[::-1])


def test_the_residual_is_told_and_bounds_the_error():
    g, v = array(20, 20)
    wires = WireConfig(r_row=100.0, r_col=100.0, r_source=100.0, r_sink=100.0)
    golden = solve(g, wires, v, tolerance=1e-14 * 10).currents
    for tolerance in (1e-3, 1e-6, 1e-9):
        solution = solve(g, wires, v, tolerance=tolerance)
        assert 0.0 < solution.residual[0] <= tolerance
        assert np.abs(solution.currents - golden).max() < 10.0 * tolerance * plain(g, np.abs(v)).max()
    assert solution.iterations[0] > 1


def test_no_convergence_is_an_error_with_residual_and_iterations():
    g, v = array(20, 20)
    with pytest.raises(NotConvergedError, match=r"did not converge for input 0: after 1 iterations") as caught:
        solve(g, WireConfig(r_row=1e4, r_col=1e4, r_source=1e4, r_sink=1e4), v, max_iterations=1)
    assert caught.value.residual > 1e-10
    assert caught.value.iterations == 1
    assert isinstance(caught.value, InputError)


def test_an_array_larger_than_memory_is_refused_with_what_it_needs(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 10_000_000)
    with pytest.raises(InputError, match=r"an array of 512 x 512 cells with 1 inputs needs 0\.0231 GB of memory"):
        solve(np.ones((512, 512)), ONE_OHM, np.ones(512))


def test_available_memory_is_known_here():
    assert memory.available_bytes() > 1_000_000


@pytest.mark.parametrize(
    ("g", "v", "message"),
    [
        ([[1.0, np.nan]], [1.0], r"g\[0, 1\] is nan uS, allowed: conductances of 0 to 1e\+06 uS"),
        ([[1.0], [np.inf]], [1.0, 1.0], r"g\[1, 0\] is inf uS"),
        ([[-1e-9]], [1.0], r"g\[0, 0\] is -1e-09 uS"),
        ([[2e6]], [1.0], r"g\[0, 0\] is 2e\+06 uS"),
        ([1.0, 2.0], [1.0], r"g has the shape \(2,\), allowed: \[rows, cols\]"),
        (np.ones((0, 3)), [1.0], r"g has the shape \(0, 3\)"),
        ([["a"]], [1.0], "g is no array of numbers"),
        ([[1.0], [2.0]], [1.0], "v has 1 voltages for each input, allowed for this array: 2"),
        ([[1.0]], [np.nan], r"v\[0, 0\] is nan V, allowed: finite"),
        ([[1.0]], np.ones((1, 1, 1)), r"v has the shape \(1, 1, 1\)"),
    ],
)
def test_bad_arrays_are_refused(g, v, message):
    with pytest.raises(InputError, match=message):
        solve(g, ONE_OHM, v)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (Lines(driven=np.ones(3, bool)), r"lines.driven has the shape \(3,\), allowed for this array: \(2,\)"),
        (Lines(sensed=np.ones(1, bool)), r"lines.sensed has the shape \(1,\)"),
        (Lines(driven=np.array([True, False]), other_rows=np.nan), "lines.other_rows is nan V"),
        (Lines(driven=np.array([True, False])), r"v\[0, 1\] is 1 V, allowed: 0, since word line 1 is not driven"),
    ],
)
def test_bad_lines_are_refused(lines, message):
    with pytest.raises(InputError, match=message):
        solve(np.ones((2, 2)), ONE_OHM, np.ones(2), lines)


@pytest.mark.parametrize("tolerance", [0.0, -1.0, np.nan, 0.1])
def test_bad_tolerances_are_refused(tolerance):
    with pytest.raises(InputError, match="allowed: 1e-14 to 1e-3"):
        solve([[1.0]], ONE_OHM, [1.0], tolerance=tolerance)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"r_row": -1.0}, "wires: 'r_row': input should be greater than or equal to 0, found -1.0"),
        ({"r_col": float("nan")}, "wires: 'r_col': expected a finite number of ohm, found nan"),
        ({"r_source": "1 uS"}, "wires: 'r_source': expected the unit ohm, found '1 uS' in S"),
        ({"r_sink": "1e12"}, "wires: 'r_sink': input should be less than or equal to 1000000000"),
        ({"drive": "top"}, "wires: 'drive': input should be 'left', 'right' or 'both', found 'top'"),
        ({"r_acces": 1}, "wires: unknown key 'r_acces' \\(did you mean 'r_access'\\?\\)"),
        ({"r_access": 100}, "wires: r_access is 100 ohm, allowed with cell 1R: 0; set cell to 1T1R"),
    ],
)
def test_bad_configurations_are_refused(block, message):
    with pytest.raises(InputError, match=message):
        validate(WireConfig, block, "wires")


def test_resistances_have_units():
    wires = validate(WireConfig, {"r_row": "1.5 ohm", "r_col": "2 Ohm", "r_source": "1 kOhm", "r_sink": 3}, "wires")
    assert (wires.r_row, wires.r_col, wires.r_source, wires.r_sink) == (1.5, 2.0, 1000.0, 3.0)
    assert WireConfig().ideal
    assert not wires.ideal
