"""Print the tables of docs/ramps.md: errors of the placements of levels, and what calibrations make of columns.

Run as ``python -m tools.ramp_tables`` from the root of the repository; one seed, one core, half a minute.
"""

import sys
from collections.abc import Iterator

from memramp.devices import ConstantNoise, Device
from memramp.peripherals import Calibration, LevelsKind, Realisation, design_ramp, expected_error, load_density
from memramp.peripherals.yields import Limits, Linearity, linearity_of_columns
from memramp.streams import Streams

DEVICE = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=5.0))
STUCK = DEVICE.model_copy(update={"stuck_off_rate": 0.02})
DENSITY = "speech_commands_float"
LEVELS: tuple[LevelsKind, ...] = ("paper", "midpoint", "uniform", "lloyd_max", "noise_aware")
BITS = (3, 4, 5, 6)
COLUMNS, SEED = 10_000, 1

ONE, TWO = Calibration(), Calibration(kind="two_point")
BEST, SPARES = Calibration(kind="two_point", copies=4), Calibration(kind="two_point", remap=True)
SIX = Realisation(bias_devices=6)
PULSES = (1.0, 0.5, 0.25)

CALIBRATIONS: tuple[tuple[str, Device, Calibration, Realisation], ...] = (
    ("none (bias devices err like all others)", DEVICE, Calibration(kind="none"), Realisation()),
    ("`one_point`: bias devices re-written until mid-scale is exact", DEVICE, ONE, Realisation()),
    ("`one_point`, 6 bias devices", DEVICE, ONE, SIX),
    ("`two_point`: the ramp's pulses as well; 6 bias devices", DEVICE, TWO, SIX),
    ("`two_point`, best of 4 copies", DEVICE, BEST, Realisation()),
    (
        "`two_point`, 6 bias devices, pulses of 1, 1/2, 1/4",
        DEVICE,
        TWO,
        Realisation(bias_devices=6, pulse_widths=PULSES),
    ),
    (
        "`two_point`, 12 bias devices, up to 2 devices a step",
        DEVICE,
        TWO,
        Realisation(bias_devices=12, max_devices=2),
    ),
    ("**2 % of the devices stuck at g_min:** none", STUCK, Calibration(kind="none"), Realisation()),
    ("`one_point`", STUCK, ONE, Realisation()),
    ("`two_point`, 6 bias devices", STUCK, TWO, SIX),
    ("`two_point`, best of 4 copies", STUCK, BEST, Realisation()),
    ("`two_point`, 6 bias devices, `remap` with 4 spares", STUCK, SPARES, Realisation(bias_devices=6, spares=4)),
    (
        "the same with pulses of 1, 1/2, 1/4",
        STUCK,
        SPARES,
        Realisation(bias_devices=6, spares=4, pulse_widths=PULSES),
    ),
)


def error_row(function: str, bits: int) -> str:
    """Return a row of the table of errors: of each placement with ideal devices, and with those that err."""
    density = load_density(DENSITY, function)
    cells = []
    for levels in LEVELS:
        design = design_ramp(function, bits, levels, DEVICE, density=density)
        ideal, real = (expected_error(design, density, device) for device in (DEVICE.ideal(), DEVICE))
        cells.append(f"{ideal:.3f} / {real:.3f}")
    return f"| {function} | {bits} | {' | '.join(cells)} |"


def calibration_row(label: str, device: Device, calibration: Calibration, made: Realisation, columns: int) -> str:
    """Return a row of the table of calibrations."""
    design = design_ramp("sigmoid", 5, "midpoint", device, realisation=made)
    found: Linearity = linearity_of_columns(design, device, calibration, Limits(1.0), columns, Streams(SEED))[1]
    devices = len(design.column.role) * calibration.copies
    return f"| {label} | {found.mean_of_max:.2f} | {100 * found.fraction:.1f} % | {devices} | {found.writes:.3g} |"


def rows(columns: int = COLUMNS) -> Iterator[str]:
    """Yield the rows of both tables, as Markdown."""
    for function in ("sigmoid", "tanh"):
        for bits in BITS:
            yield error_row(function, bits)
    for entry in CALIBRATIONS:
        yield calibration_row(*entry, columns)


if __name__ == "__main__":
    for row in rows():
        sys.stdout.write(f"{row}\n")
