"""Every mapping as an array: what it computes, what its reads add, and what tiles and capacitors do to it."""

import numpy as np
import pytest

from memramp.config import validate
from memramp.crossbar import CrossbarConfig, program_array
from memramp.crossbar.wires import solve
from memramp.devices import Device, resolve_device
from memramp.errors import InputError

W = np.random.default_rng(1).normal(0.0, 0.7, (13, 9))
X = np.random.default_rng(2).uniform(-1.0, 1.0, (37, 13)).astype(np.float32)
KEY = np.uint64(42)
IDEAL = Device(g_min=0.0, g_max=150.0)
MAPPINGS = {
    "differential": {},
    "separate": {"layout": "separate"},
    "offset": {"mapping": "offset", "scale": 35.0},
    "bit_sliced": {"mapping": "bit_sliced", "slices": {"bits": 12, "bits_per_device": 3}},
    "per_layer": {"scale_per": "layer"},
    "per_column": {"scale_per": "column"},
    "offset_per_column": {"mapping": "offset", "scale_per": "column"},
}


def config(mapping, **changes):
    return validate(CrossbarConfig, {**MAPPINGS[mapping], **changes}, "crossbar")


def device(**blocks):
    return resolve_device({"g_min": 0.0, "g_max": 150.0, **blocks})


def array(mapping="differential", what=IDEAL, w=W, seed=3, **changes):
    return program_array(w, config(mapping, **changes), what, np.random.default_rng(seed))


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("tile", [{}, {"cols": 40}])
def test_ideal_devices_compute_the_product_with_the_clipped_weights(mapping, tile):
    found = array(mapping, tile=tile).multiply(X, KEY)
    room = 1e-5 if mapping != "bit_sliced" else 0.5 * 2.0 / 4095 * np.abs(X).sum(axis=1).max()
    np.testing.assert_allclose(found, X @ np.clip(W, -2.0, 2.0), atol=room)


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_errors_of_every_device_reach_the_weights_with_its_factor(mapping):
    written = array(mapping, device(prog_noise={"kind": "constant", "sigma": "3 uS"}))
    total = sum(written.devices[plane.name] * plane.factor for plane in written.mapped.planes)
    if "ref" in written.devices:
        total = total - written.devices["ref"] * written.mapped.planes[0].factor
    np.testing.assert_allclose(written.w_eff, total, atol=1e-6)
    assert not np.allclose(written.w_eff, np.clip(W, -2.0, 2.0), atol=1e-3)


def test_a_column_scale_makes_errors_of_small_columns_weigh_less():
    w = np.concatenate([np.full((50, 1), 1.0), np.full((50, 1), 0.1)], axis=1)
    noisy = device(prog_noise={"kind": "constant", "sigma": "3 uS"})
    fixed, column = (array(mapping, noisy, w=w) for mapping in ("differential", "per_column"))
    assert np.std(column.w_eff[:, 1] - 0.1) < 0.15 * np.std(fixed.w_eff[:, 1] - 0.1)


def test_the_volts_of_all_columns_are_those_of_the_one_with_the_smallest_scale():
    assert array("per_column", w=np.array([[1.0, 0.25]])).scale == 150.0
    assert array("differential").scale == 75.0


def test_an_error_of_the_reference_column_moves_all_outputs_of_its_array_alike():
    stuck = device(stuck_on_rate=1.0)  # all devices at 150 uS, the reference's too
    np.testing.assert_array_equal(array("offset", stuck).w_eff, 0.0)
    noisy = array("offset", device(prog_noise={"kind": "constant", "sigma": "3 uS"}), tile={"cols": 5})
    assert noisy.devices["ref"].shape == (13, 3)  # 4 + 4 + 1 outputs
    assert (noisy.devices["ref"][:, 0] != noisy.devices["ref"][:, 1]).all()


@pytest.mark.parametrize("mapping", ["differential", "offset", "bit_sliced"])
def test_reads_are_the_same_bits_in_parts_whatever_the_mapping(mapping):
    blocks = {
        "read_noise": {
            "kind": "sum",
            "of": [
                {"kind": "proportional", "fraction": 0.05},
                {"kind": "thermal"},
                {"kind": "telegraph", "active": 0.3, "amplitude": 0.2, "duty": 0.4},
            ],
        }
    }
    noisy = array(mapping, device(**blocks), tile={"cols": 40})
    whole = noisy.multiply(X, KEY, first_sample=5, step=2)
    parts = [noisy.multiply(X[s : s + 5], KEY, first_sample=5 + s, step=2) for s in range(0, len(X), 5)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (whole != array(mapping, tile={"cols": 40}).multiply(X, KEY)).all()


def test_capacitors_that_differ_change_the_share_of_each_array_of_rows():
    even = array(tile={"rows": 5, "tall": "charge"})
    np.testing.assert_allclose(even.multiply(X, KEY), array().multiply(X, KEY), atol=1e-6)
    uneven = array(tile={"rows": 5, "tall": "charge", "mismatch": 0.02})
    ratio = uneven.w_eff / even.w_eff
    parts = np.split(ratio, [5, 10])
    for part in parts:
        np.testing.assert_allclose(part, np.broadcast_to(part[0], part.shape), rtol=1e-5)
    shares = np.stack([part[0] for part in parts])
    np.testing.assert_allclose(shares.mean(axis=0), 1.0, rtol=1e-5)
    assert 0.005 < shares.std() < 0.04


def test_a_tall_matrix_is_refused_by_default():
    with pytest.raises(InputError, match="needs the complete sum"):
        array(tile={"rows": 12})


def test_partial_sums_that_are_joined_in_digital_are_rounded_each_by_itself():
    joined = array(tile={"rows": 5, "tall": "digital", "adc": {"bits": 6, "range": 2.0}})
    lsb = 2.0 / 31
    expected = np.zeros((len(X), 9))
    for rows in (slice(0, 5), slice(5, 10), slice(10, 13)):
        partial = X[:, rows].astype(np.float64) @ joined.w_eff[rows].astype(np.float64)
        expected += np.clip(np.rint(partial / lsb), -31, 31) * lsb
    found = joined.multiply(X, KEY)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found - array().multiply(X, KEY)).max() > 0.2 * lsb


def test_the_default_range_of_partial_sums_covers_four_standard_deviations():
    joined = array(tile={"rows": 5, "tall": "digital"})
    spread = max(np.sqrt((W[rows] ** 2).sum(axis=0) / 3.0).max() for rows in (slice(0, 5), slice(5, 10), slice(10, 13)))
    assert joined.partial.lsb * joined.partial.top == pytest.approx(4.0 * spread, rel=1e-5)


WIRES = {"r_row": 3.0, "r_col": 7.0, "r_source": 11.0, "r_sink": 2.0}


@pytest.mark.parametrize("mapping", ["differential", "separate", "offset", "bit_sliced"])
@pytest.mark.parametrize("tile", [{}, {"rows": 5, "cols": 23, "tall": "charge"}])
def test_reads_through_wires_are_the_exact_currents_of_the_physical_arrays(mapping, tile):
    noisy = device(prog_noise={"kind": "constant", "sigma": "3 uS"})
    wired = array(mapping, noisy, wires=WIRES, tile=tile)
    planes = [plane.name for plane in wired.mapped.planes]
    part = wired.tiling.part_of_output
    expected = np.zeros((len(X), 9))
    for rows, cols in wired.tiling.blocks():
        lines = [(name, j) for j in range(cols.start, cols.stop) for name in planes]
        together = [lines]
        if mapping == "separate":
            together = [[line for line in lines if line[0] == name] for name in planes]
        for bit_lines in together:
            g = np.stack([wired.devices[name][rows, j] for name, j in bit_lines], axis=1)
            if "ref" in wired.devices:
                g = np.concatenate([g, wired.devices["ref"][rows, part[cols.start], None]], axis=1)
            currents = solve(g, wired.config.wires, X[:, rows].astype(float)).currents
            for place, (name, j) in enumerate(bit_lines):
                factor = next(plane.factor[j] for plane in wired.mapped.planes if plane.name == name)
                expected[:, j] += currents[:, place] * factor
                if "ref" in wired.devices:
                    expected[:, j] -= currents[:, -1] * factor
    np.testing.assert_allclose(wired.multiply(X, KEY), expected, atol=1e-4)
    assert np.abs(expected - array(mapping, noisy, tile=tile).multiply(X, KEY)).max() > 1e-2


def test_wires_of_no_resistance_change_no_bit():
    noisy = device(prog_noise={"kind": "constant", "sigma": "3 uS"}, read_noise={"kind": "constant", "sigma": "1 uS"})
    with_wires = array(what=noisy, wires=dict.fromkeys(WIRES, 0.0))
    np.testing.assert_array_equal(with_wires.multiply(X, KEY), array(what=noisy).multiply(X, KEY))


def test_wires_weaken_the_noise_of_devices_far_from_driver_and_sink():
    noisy = device(read_noise={"kind": "constant", "sigma": "1 uS"})
    wired = array(what=noisy, w=np.full((30, 30), 1.0), wires={"r_row": 5.0, "r_col": 5.0})
    held = wired.held_variance
    assert held[0, -1] == held.min()
    assert held[-1, 0] == held.max() < array(what=noisy).noise.held_std ** 2


@pytest.mark.parametrize(
    ("read_noise", "solved"),
    [
        ({"kind": "none"}, False),
        ({"kind": "constant", "sigma": 0.0}, False),
        ({"kind": "constant", "sigma": "1 uS"}, True),
        ({"kind": "shot"}, True),
        ({"kind": "telegraph", "active": 1.0, "amplitude": 0.1}, True),
    ],
)
def test_what_wires_leave_of_noise_is_solved_only_where_there_is_noise(monkeypatch, read_noise, solved):
    calls = []
    monkeypatch.setattr("memramp.crossbar.wired.noise_factors", lambda g, _wires: calls.append(g) or np.ones_like(g))
    array(what=device(read_noise=read_noise), wires=WIRES)
    assert bool(calls) == solved
