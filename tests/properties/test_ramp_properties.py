"""What holds for every ramp that can be designed, whatever the function, the resolution and the window."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from memramp.devices import ConstantNoise, Device
from memramp.errors import InputError
from memramp.peripherals import (
    FUNCTIONS,
    Calibration,
    Realisation,
    design_ramp,
    inl_dnl,
    normal_density,
    program_columns,
    program_ramp,
)
from memramp.peripherals.converter import nladc

FUNCTION = st.sampled_from(sorted(FUNCTIONS))
BITS = st.integers(2, 8)
KIND = st.sampled_from(["midpoint", "uniform", "lloyd_max", "paper"])
REALISATION = st.builds(
    Realisation,
    max_devices=st.integers(1, 4),
    pulse_widths=st.sampled_from([(1.0,), (1.0, 0.5), (1.0, 0.5, 0.25, 0.125)]),
    spares=st.integers(0, 3),
)


@st.composite
def windows(draw):
    g_max = draw(st.floats(1.0, 1000.0))
    return Device(g_min=draw(st.floats(0.0, 0.3)) * g_max, g_max=g_max)


def designed(function, bits, kind, device, realisation):
    """Return the design, or pass over what is refused with a reason."""
    density = normal_density(0.1, 1.3)
    try:
        return design_ramp(function, bits, kind, device, density=density, realisation=realisation)
    except InputError:
        assume(False)


@settings(max_examples=150, deadline=None)
@given(FUNCTION, BITS, KIND, windows(), REALISATION)
def test_a_design_keeps_its_window_and_its_order(function, bits, kind, device, realisation):
    design = designed(function, bits, kind, device, realisation)
    assert (np.diff(design.thresholds) > 0.0).all()
    assert (np.diff(design.ramp) > 0.0).all()
    assert design.outputs.size == design.thresholds.size + 1
    assert design.column.target.min() >= device.g_min * (1 - 1e-9)
    assert design.column.target.max() <= device.g_max * (1 + 1e-9)
    # The thresholds that the devices of the column make, summed from its rows alone, are the ideal ones.
    inl, dnl = inl_dnl(charged(design), design)
    assert np.abs(inl).max() < 1e-6
    assert np.abs(dnl).max(initial=0.0) < 1e-6


def charged(design):
    """The thresholds of ideal devices, from conductances, pulses, polarities and clocks."""
    column = design.column
    charge = column.polarity * column.target * column.width
    fired = (charge[(column.clock >= 0) & (column.clock <= clock)].sum() for clock in range(design.ramp.size))
    return design.v_per_us * np.array(list(fired))[design.compared]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["sigmoid", "tanh", "gelu", "softplus"]), st.integers(2, 4), st.floats(0.0, 10.0), REALISATION)
def test_noise_aware_designs_keep_their_window_and_their_order_too(function, bits, sigma, realisation):
    device = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=sigma))
    design = designed(function, bits, "noise_aware", device, realisation)
    assert (np.diff(design.thresholds) > 0.0).all()
    assert design.column.target.max() <= 150.0 * (1 + 1e-9)
    assert np.abs(inl_dnl(charged(design), design)[0]).max() < 1e-6
    assert (np.abs(np.diff(design.levels.codes)) == 1).all()


@settings(max_examples=100, deadline=None)
@given(FUNCTION, BITS, st.sampled_from(["midpoint", "lloyd_max"]))
def test_all_codes_are_used_and_the_counter_moves_one_by_one(function, bits, kind):
    device = Device(g_min=0.0, g_max=150.0)
    levels = designed(function, bits, kind, device, None).levels
    assert set(levels.codes) == set(range(2**bits))
    assert (np.abs(np.diff(levels.codes)) == 1).all()
    assert (np.sign(np.diff(levels.outputs)) == levels.directions).all()


@settings(max_examples=100, deadline=None)
@given(FUNCTION, BITS, KIND)
def test_inputs_one_ulp_around_every_threshold_are_counted_right(function, bits, kind):
    device = Device(g_min=0.0, g_max=150.0)
    design = designed(function, bits, kind, device, None)
    converter = nladc(program_ramp(design, device, np.random.default_rng(0)))
    thresholds = converter.thresholds
    assume((np.diff(thresholds) > 0).all())  # two doubles may be one float32
    counts = np.arange(1, thresholds.size + 1)
    below = np.nextafter(thresholds, np.float32(-np.inf))
    assert (converter.convert(thresholds[None])[0] == counts).all()
    assert (converter.convert(below[None])[0] == counts - 1).all()


@settings(max_examples=60, deadline=None)
@given(
    FUNCTION,
    st.integers(3, 6),
    windows(),
    REALISATION,
    st.floats(0.0, 0.2),
    st.floats(0.0, 0.3),
    st.sampled_from(["none", "ideal_bias", "one_point", "two_point"]),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_a_programmed_ramp_never_falls_and_its_copies_are_counted(
    function, bits, window, realisation, noise, stuck, kind, copies, seed
):
    device = Device(
        g_min=window.g_min,
        g_max=window.g_max,
        prog_noise=ConstantNoise(sigma=noise * window.g_max),
        stuck_off_rate=stuck,
        stuck_on_rate=stuck / 2,
    )
    design = designed(function, bits, "midpoint", device, realisation)
    calibration = Calibration(kind=kind, copies=copies, remap=True)
    made = program_columns(design, device, np.random.default_rng(seed), 3, calibration)
    assert (np.diff(made.values, axis=1) >= 0.0).all()
    assert np.isfinite(made.values).all()
    assert made.thresholds.shape == (3, design.thresholds.size)
    assert made.devices == copies * len(design.column.role)
    assert (made.writes >= copies * (design.g_steps.size + design.g_bias.size)).all()
