"""Writing weights into arrays, and arrays of devices that were measured."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.crossbar.array import ProgrammedArray
from memramp.crossbar.mapping import CrossbarConfig, Devices, Mapped, map_weights, plane_names, tiling_of
from memramp.crossbar.output_noise import Fluctuations, OutputNoise, effective_weights, output_noise
from memramp.crossbar.tiling import Tiling
from memramp.crossbar.wired import noise_through_wires, through_wires
from memramp.devices import Device, FaultMask, Fluctuation, Programmed, ReadConditions, Telegraph, program
from memramp.devices.fluctuation import DEFAULT_CONDITIONS
from memramp.devices.noise import FloatArray
from memramp.errors import InputError
from memramp.memory import refuse_more_than_memory

_LARGEST = 1e30  # weights and variances that float32 holds with room for sums
_BYTES_PER_DEVICE = 120  # of targets, conductances, masks, fluctuations and temporaries, while an array is programmed


@dataclass(frozen=True)
class Reading:
    """When and under which conditions an array is read."""

    conditions: ReadConditions = DEFAULT_CONDITIONS
    """Voltage, full pulse, temperature, time since programming."""

    programmed_at: float | None = None
    """Temperature of programming [K]; None: that of `conditions`."""

    def aged(self, programmed: Programmed) -> FloatArray:
        """Return the conductances of devices at the time of the read [uS]."""
        now = None if self.programmed_at is None else self.conditions.temperature
        return programmed.at(self.conditions.t, now, self.programmed_at)


def program_array(
    w: ArrayLike,
    config: CrossbarConfig,
    device: Device,
    rng: np.random.Generator,
    *,
    reading: Reading | None = None,
    faults: Mapping[str, FaultMask] | None = None,
) -> ProgrammedArray:
    """Write weights into an array; programming noise and faults are drawn here, once.

    With ``noise_on: pair`` both devices of each pair are programmed and clipped at zero conductance. With ``used_side``
    each weight has one error: where it would carry the used device below ``g_min``, the other device takes the
    remainder, so that the weight keeps the Gaussian error that the released code of Yang et al.,
    doi 10.1038/s41467-025-56254-6, adds to it.

    Parameters
    ----------
    w : array_like, [rows, cols]
        Weights, see `memramp.crossbar.map_weights` [weight units].
    config : CrossbarConfig
        Mapping and arrays.
    device : Device
        Window, noise, faults and ageing of every device.
    rng : numpy.random.Generator
        Source of the draws; each plane of devices, what toggles, and the capacitors have streams of their own.
    reading : Reading or None
        When and how it is read; None: at once, under default conditions.
    faults : mapping or None
        Devices that are known to be stuck, by plane; others may be stuck at the device's rates (``noise_on: pair``).

    Raises
    ------
    InputError
        The weights are no finite matrix, the largest does not fit into the device's window, or the matrix not into the
        arrays.
    """
    _check_memory(np.shape(w), config)
    mapped = map_weights(w, config, device)
    tiling = tiling_of(mapped.shape, config)
    read = reading or Reading()
    known = faults or {}
    if config.noise_on == "used_side":
        _check_one_error_a_weight(device, known)
        devices = _program_used_side(mapped, device, rng, read)
    else:
        targets = mapped.devices(tiling)
        streams = rng.spawn(len(targets))
        devices = {
            name: read.aged(program(device, target, stream, faults=known.get(name)))
            for (name, target), stream in zip(targets.items(), streams, strict=True)
        }
    return _array(devices, mapped, tiling, config, device, rng, read)


def measured_array(
    devices: Devices,
    w: ArrayLike,
    config: CrossbarConfig,
    device: Device,
    rng: np.random.Generator | None = None,
    *,
    reading: Reading | None = None,
) -> ProgrammedArray:
    """Return the array that devices of known conductances make, such as those that were measured on a chip.

    Parameters
    ----------
    devices : mapping of str to ndarray
        What the devices hold, by plane [uS].
    w : array_like, [rows, cols]
        Weights that they were written for; of them, only the scale matters [weight units].
    config : CrossbarConfig
        Mapping and arrays.
    device : Device
        Window, and the noise of a read.
    rng : numpy.random.Generator or None
        Source of which devices toggle, and of the capacitors; None: from a fixed seed.
    reading : Reading or None
        How it is read; the conductances are taken as they are at that time.
    """
    mapped = map_weights(w, config, device)
    tiling = tiling_of(mapped.shape, config)
    held = {name: np.asarray(devices[name], dtype=np.float64) for name in mapped.devices(tiling)}
    return _array(held, mapped, tiling, config, device, rng or np.random.default_rng(0), reading or Reading())


def _check_memory(shape: tuple[int, ...], config: CrossbarConfig) -> None:
    devices = math.prod(shape) * len(plane_names(config))
    refuse_more_than_memory(_BYTES_PER_DEVICE * devices, f"programming {devices} devices")


def _check_one_error_a_weight(device: Device, faults: Mapping[str, FaultMask]) -> None:
    """Refuse what belongs to single devices where each weight has one error."""
    own = {
        "measured faults": bool(faults),
        "drift, relaxation and temperature": device.ages,
        "windows of their own": device.g_min_std > 0.0 or device.g_max_std > 0.0,
    }
    for what, given in own.items():
        if given:
            raise InputError(f"crossbar: noise_on 'used_side' has no single devices for {what}; take noise_on 'pair'")


def _program_used_side(
    mapped: Mapped, device: Device, rng: np.random.Generator, reading: Reading
) -> dict[str, FloatArray]:
    pos, neg = (plane.target for plane in mapped.planes)
    written = program(device, np.maximum(pos, neg), rng, floor=-np.inf)
    above = reading.aged(written) - device.g_min
    signed = np.where(pos >= neg, above, -above)
    return {"pos": device.g_min + np.maximum(signed, 0.0), "neg": device.g_min + np.maximum(-signed, 0.0)}


def _array(
    devices: Devices,
    mapped: Mapped,
    tiling: Tiling,
    config: CrossbarConfig,
    device: Device,
    rng: np.random.Generator,
    reading: Reading,
) -> ProgrammedArray:
    toggle_rng, join_rng = rng.spawn(2)
    fluctuations = _fluctuations(devices, config, device, toggle_rng, reading)
    effective = devices
    if not config.wires.ideal:
        effective = through_wires(devices, tiling, config)
        fluctuations = noise_through_wires(fluctuations, devices, tiling, config)
    weights, noise = effective_weights(effective, mapped, tiling), output_noise(fluctuations, mapped)
    share = None
    if tiling.join == "charge" and config.tile.mismatch > 0.0:
        share = _shares(mapped.shape, tiling, config.tile.mismatch, join_rng)
        weights, noise = weights * share, _shared_out(noise, share)
    if not all(part.min() > -_LARGEST and part.max() < _LARGEST for part in (weights, noise.held, noise.white)):
        # also where there is a NaN, which no comparison holds for
        raise InputError("device: conductances or their fluctuations are beyond all bounds (not finite)")
    return ProgrammedArray(
        devices=devices,
        effective=effective,
        fluctuations=fluctuations,
        share=share,
        w_eff=weights.astype(np.float32),
        output_noise=noise,
        mapped=mapped,
        tiling=tiling,
        device=device,
        config=config,
    )


def _fluctuations(
    devices: Devices, config: CrossbarConfig, device: Device, rng: np.random.Generator, reading: Reading
) -> Fluctuations:
    streams = rng.spawn(len(devices))
    found = {
        name: device.read_noise.fluctuation(g, reading.conditions, stream)
        for (name, g), stream in zip(devices.items(), streams, strict=True)
    }
    if config.noise_on == "used_side":
        positive = devices["pos"] >= devices["neg"]
        return {"pos": _only(found["pos"], positive), "neg": _only(found["neg"], ~positive)}
    return found


def _only(fluctuation: Fluctuation, where: NDArray[np.bool_]) -> Fluctuation:
    """Return a fluctuation of some devices alone."""
    held, white = np.where(where, fluctuation.held, 0.0), np.where(where, fluctuation.white, 0.0)
    toggling = fluctuation.telegraph
    if toggling is not None:
        kept = where.reshape(-1)[toggling.indices]
        toggling = Telegraph(toggling.indices[kept], toggling.delta[kept], toggling.duty[kept])
    return Fluctuation(held, white, toggling)


def _shares(shape: tuple[int, int], tiling: Tiling, mismatch: float, rng: np.random.Generator) -> FloatArray:
    """Return by how much each row's part counts more than it should, as its capacitor is larger, [rows, cols]."""
    size = np.maximum(1.0 + mismatch * rng.standard_normal((tiling.row_parts, shape[1])), 0.0)
    share = size / np.maximum(size.mean(axis=0), np.finfo(float).tiny)
    return np.repeat(share, np.diff(tiling.row_bounds), axis=0)


def _shared_out(noise: OutputNoise, share: FloatArray) -> OutputNoise:
    # The reference column of a part has capacitors of its own, taken as perfect: its noise is a small part of the sum.
    extra = noise.held.shape[1] - share.shape[1]
    every = np.concatenate([share, np.ones((share.shape[0], extra))], axis=1)
    toggles = noise.toggles
    delta = toggles.delta * every[toggles.row, toggles.column].astype(np.float32)
    return OutputNoise(noise.held * every**2, noise.white * every**2, replace(toggles, delta=delta))
