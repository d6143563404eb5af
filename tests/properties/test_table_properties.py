"""What holds for the tables of all ramps, and for whatever is done to them."""

from contextlib import suppress

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from memramp.devices import ConstantNoise, Device
from memramp.errors import InputError
from memramp.peripherals import (
    FUNCTIONS,
    Readback,
    Realisation,
    check_readback,
    design_ramp,
    load_table,
    ramp_from_readback,
    ramp_table,
    read_back,
    simulate_readback,
    table_bytes,
    updated_table,
)
from memramp.streams import Streams

SUFFIX = st.sampled_from([".csv", ".json"])
REALISATION = st.builds(
    Realisation,
    max_devices=st.integers(1, 3),
    pulse_widths=st.sampled_from([(1.0,), (1.0, 0.5, 0.25)]),
    spares=st.integers(0, 4),
)


@st.composite
def designs(draw):
    device = Device(g_min=draw(st.sampled_from([0.0, 2.0])), g_max=draw(st.floats(50.0, 300.0)))
    name, bits = draw(st.sampled_from(sorted(FUNCTIONS))), draw(st.integers(2, 6))
    try:
        return design_ramp(name, bits, "midpoint", device, realisation=draw(REALISATION))
    except InputError:
        assume(False)


def reloaded(tmp, table, suffix):
    path = tmp / f"t{suffix}"
    path.write_bytes(table_bytes(table, suffix))
    return load_table(path)


@settings(max_examples=60, deadline=None)
@given(designs(), SUFFIX)
def test_a_design_survives_its_table(tmp_path_factory, design, suffix):
    table = ramp_table(design)
    found = reloaded(tmp_path_factory.mktemp("t"), table, suffix)
    assert found == table
    assert table_bytes(found, suffix) == table_bytes(table, suffix)
    again = found.design(design.function.name)
    for ours, theirs in (
        (again.ramp, design.ramp),
        (again.thresholds, design.thresholds),
        (again.outputs, design.outputs),
        (again.column.target, design.column.target),
        (again.column.width, design.column.width),
        (again.column.clock, design.column.clock),
    ):
        assert ours.tobytes() == theirs.tobytes()
    assert again.function is design.function
    exact = Readback({design.function.name: design.column.target})
    assert (ramp_from_readback(found, design.function.name, exact).values == design.ramp).all()


@settings(max_examples=60, deadline=None)
@given(designs(), st.floats(0.0, 0.05), st.floats(0.0, 0.2), st.integers(0, 2**32), SUFFIX)
def test_tables_stay_whole_over_many_rounds(tmp_path_factory, design, noise, stuck, seed, suffix):
    device = Device(
        g_min=design.g_min,
        g_max=design.g_max,
        prog_noise=ConstantNoise(sigma=noise * design.g_max),
        stuck_off_rate=stuck,
        stuck_on_rate=stuck / 2,
    )
    table, readback, name = ramp_table(design, device), None, design.function.name
    fires = sum(row.clock >= 0 for row in table.ramps[name].rows)
    for _ in range(4):
        readback = simulate_readback(table, device, Streams(seed), readback)
        report = check_readback(table, readback, 0.3)
        check = report.ramps[name]
        assert np.isfinite(check.inl).all()
        assert np.isfinite(check.expected_inl).all()
        before, table = table, reloaded(tmp_path_factory.mktemp("t"), updated_table(table, report), suffix)
        rows = table.ramps[name].rows
        assert sum(row.clock >= 0 for row in rows) == fires  # who fires may change, not how many do
        assert table.design(name).ramp.tobytes() == design.ramp.tobytes()
        assert {row.row for row in rows if row.write == "never"} == set(check.stuck)
        assert {row.row for _, row in table.to_write()} == (
            set(check.rewrite) | set(check.bias_targets) | set(check.moves.values())
        )
        for row, old in zip(rows, before.ramps[name].rows, strict=True):
            assert row.write == "yes" or row.target_uS == old.target_uS or row.row in check.stuck
        if report.passed:
            assert table.to_write() == []
            break


SMALL = ramp_table(design_ramp("tanh", 2, "midpoint", Device(g_min=0.0, g_max=150.0)))


@settings(max_examples=150, deadline=None)
@given(SUFFIX, st.data())
def test_any_damage_to_a_table_is_found(tmp_path_factory, suffix, data):
    content = table_bytes(SMALL, suffix)
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start, min(start + 20, len(content))))
    damaged = content[:start] + data.draw(st.binary(max_size=20)) + content[end:]
    assume(damaged != content)
    path = tmp_path_factory.mktemp("t") / f"t{suffix}"
    path.write_bytes(damaged)
    try:
        load_table(path)
    except InputError:
        return
    raise AssertionError("a damaged table was read")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_read_back_is_read_or_refused_in_a_sentence(tmp_path_factory, data):
    rows = SMALL.ramps["tanh"].rows
    content = ("row,measured_uS\n" + "".join(f"{row.row},{row.target_uS}\n" for row in rows)).encode()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 20, len(content))))
    inserted = data.draw(st.one_of(st.binary(max_size=12), st.text("0123456789.,;-e\n\r\"#inaf ", max_size=12)))
    inserted = inserted.encode() if isinstance(inserted, str) else inserted
    path = tmp_path_factory.mktemp("t") / "m.csv"
    path.write_bytes(content[:start] + inserted + content[end:])
    with suppress(InputError):
        g = read_back(path, SMALL).measured["tanh"]
        assert g.size == len(rows)
        assert np.isfinite(g).all()
        assert (g >= 0.0).all()
