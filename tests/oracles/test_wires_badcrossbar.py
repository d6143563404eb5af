"""Arrays with wires in badcrossbar, sparse nodal analysis: it must find our currents and voltages.

Joksas and Mehonic, SoftwareX 12, 100617 (2020), doi 10.1016/j.softx.2020.100617. It knows two resistances: that between
cells of a word line is also that from the driver, that between cells of a bit line also that to the virtual ground.
"""

import logging
import os
import warnings

import numpy as np
import pytest

from memramp.crossbar.wires import WireConfig, solve


@pytest.fixture(scope="module")
def compute():
    """badcrossbar's solver; skips where it is not installed, fails where it has to be."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    try:
        with warnings.catch_warnings(record=True):  # it warns that it cannot plot without pycairo, and sets filters
            import badcrossbar
    except ImportError:
        required = os.environ.get("MEMRAMP_REQUIRE_BADCROSSBAR") == "1"
        (pytest.fail if required else pytest.skip)("badcrossbar is not installed (see docs/wires.md)")
    finally:  # it configures the logging of the whole process
        root.setLevel(before[0])
        root.handlers[:] = before[1]
    return badcrossbar.compute


@pytest.mark.parametrize("shape", [(8, 8), (5, 11), (40, 24), (64, 64), (1, 9), (9, 1)])
@pytest.mark.parametrize(("r_row", "r_col"), [(1.0, 1.0), (10.0, 0.5), (0.0, 3.0), (3.0, 0.0), (0.0, 0.0)])
def test_currents_and_voltages_agree(compute, shape, r_row, r_col):
    rng = np.random.default_rng(shape[0])
    ohms = np.exp(rng.uniform(np.log(2.5e3), np.log(2.5e5), shape))
    v = rng.uniform(-0.2, 0.2, (3, shape[0]))
    wires = WireConfig(r_row=r_row, r_source=r_row, r_col=r_col, r_sink=r_col)
    found = solve(1e6 / ohms, wires, v, voltages=True)
    other = compute(v.T, ohms, r_i_word_line=r_row, r_i_bit_line=r_col)
    full_scale = (np.abs(v) @ (1e6 / ohms)).max()
    np.testing.assert_allclose(found.currents, 1e6 * other.currents.output, rtol=0, atol=1e-9 * full_scale)
    for ours, theirs in ((found.word_lines, other.voltages.word_line), (found.bit_lines, other.voltages.bit_line)):
        np.testing.assert_allclose(ours, np.moveaxis(theirs, 2, 0), rtol=0, atol=1e-9 * 0.2)
