"""Tables of ``memramp ramp`` as files."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from memramp.devices import Device
from memramp.peripherals import Calibration, RampDesign
from memramp.peripherals.yields import Conditions, Limits, Linearity

_HEADINGS = (
    *("function", "bits", "levels", "device", "inl_limit", "dnl_limit", "no_missing_code", "seed"),
    *("sigma_uS", "stuck_off_rate", "stuck_on_rate", "calibration", "copies", "remap"),
    *("columns", "good", "yield", "yield_low", "yield_high", "mean_inl", "mean_max_inl", "max_inl_95"),
    *("mean_max_dnl", "beyond_g_max", "writes"),
    *("span_low", "span_high", "ramp_devices", "bias_devices", "spares", "clocks", "v_per_us"),
)


@dataclass(frozen=True)
class YieldRun:
    """What all points of a sweep have in common."""

    design: RampDesign
    preset: str
    device: Device
    calibration: Calibration
    limits: Limits
    seed: int


def yield_csv(run: YieldRun, found: Sequence[tuple[Conditions, Linearity]]) -> bytes:
    """Return the yields of a sweep as CSV, a row a point, with all conditions; INL in LSB.

    ``sigma_uS`` is empty where the device's programming error is not the same for all conductances.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADINGS)
    levels, limits = run.design.levels, run.limits
    dnl = "" if limits.dnl is None else limits.dnl
    head = (levels.function.name, levels.bits, levels.kind, run.preset, limits.inl, dnl)
    for point, part in found:
        device, calibration = point.applied_to(run.device, run.calibration)
        writer.writerow(
            [
                *head,
                int(limits.no_missing_code),
                run.seed,
                *_conditions(device, calibration),
                *_results(part),
                *_column(run.design),
            ]
        )
    return text.getvalue().encode()


def _conditions(device: Device, calibration: Calibration) -> list[object]:
    noise = device.prog_noise.model_dump()
    sigma = {"none": 0.0, "constant": noise.get("sigma")}.get(noise["kind"], "")
    rates = (device.stuck_off_rate, device.stuck_on_rate)
    return [sigma, *rates, calibration.kind, calibration.copies, int(calibration.remap)]


def _results(part: Linearity) -> list[object]:
    low, high = part.interval
    shares = [f"{share:.6f}" for share in (part.fraction, low, high)]
    inl = [f"{value:.6f}" for value in (part.mean, part.mean_of_max, part.quantile_95)]
    return [part.columns, part.good, *shares, *inl, f"{part.dnl_mean_of_max:.6f}", part.overflow, f"{part.writes:.3f}"]


def _column(design: RampDesign) -> list[object]:
    devices = (design.column.rows(role).size for role in ("ramp", "bias", "spare"))
    return [*design.levels.span, *devices, design.ramp.size - 1, repr(design.v_per_us)]
