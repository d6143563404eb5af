"""Writing conductances: one event that turns targets into what the devices really hold."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.devices.ageing import Ageing, check_time, draw
from memramp.devices.device import Device
from memramp.devices.faults import FaultMask
from memramp.devices.noise import FloatArray
from memramp.devices.write_verify import WriteVerify
from memramp.devices.writing import Block, make_plan

_AGEING = 1  # stream of a programming event's key


@dataclass(frozen=True, eq=False)
class Programmed:
    """Devices after programming; all arrays have the shape of the target."""

    g: FloatArray
    """Conductance that each device holds [uS]."""

    stuck_off: NDArray[np.bool_]
    """Devices that stayed at g_min."""

    stuck_on: NDArray[np.bool_]
    """Devices that stayed at g_max."""

    target: FloatArray
    """Conductance that was asked for [uS]."""

    ageing: Ageing | None = None
    """What time and temperature will do, drawn once; None: nothing."""

    stuck_at: NDArray[np.bool_] | None = None
    """Devices that stayed at a value of a measured fault mask; None without a mask."""

    aim: FloatArray | None = None
    """What the write aimed at, where that differs: the nearest level, within the device's own window [uS]."""

    saturated: NDArray[np.bool_] | None = None
    """Devices whose own window does not reach the target; None where all have the same window."""

    pulses: NDArray[np.int32] | None = None
    """SET (0) and RESET (1) pulses that each device got, [2, shape of the target]; None where no write-verify loop is
    simulated, as in what follows."""

    energy: FloatArray | None = None
    """Energy spent in each device [J]."""

    time: FloatArray | None = None
    """Time that the pulses and verify reads of each device took, one after another [s]."""

    failed: NDArray[np.bool_] | None = None
    """Devices that did not come within the tolerance; they keep their last value."""

    def at(self, t: float, temperature: float | None = None, programmed_at: float | None = None) -> FloatArray:
        """Return the conductances t seconds after programming; see `Ageing.at`.

        At t = 0 and unchanged temperature, `g` itself. Two calls give the same, and stuck devices never move [uS].
        """
        check_time(t)
        return self.g if self.ageing is None else self.ageing.at(self.g, t, temperature, programmed_at)

    @property
    def tries(self) -> NDArray[np.int32] | None:
        """Pulses that each device got, of either kind; None where no write-verify loop is simulated."""
        return None if self.pulses is None else self.pulses.sum(axis=0, dtype=np.int32)

    @property
    def stuck(self) -> NDArray[np.bool_]:
        """Devices that stayed where they were, for whatever reason."""
        both = self.stuck_off | self.stuck_on
        return both if self.stuck_at is None else both | self.stuck_at


def program(
    device: Device,
    target: ArrayLike,
    rng: np.random.Generator,
    *,
    floor: float = 0.0,
    faults: FaultMask | None = None,
) -> Programmed:
    """Write target conductances into devices.

    The error of `Device.prog_noise` is drawn once per device. A conductance cannot be negative, so the result is
    clipped at `floor` from below; it is not clipped at g_max, since a write may overshoot the window a little. A stuck
    device holds exactly its g_min or g_max, without error.

    Parameters
    ----------
    device : Device
        Window, levels, programming noise and fault rates.
    target : array_like, any shape
        Conductances to be written, g_min..g_max [uS].
    rng : numpy.random.Generator
        Source of the key of the event; see `program_keyed`. Two calls draw independently.
    floor : float
        Lowest conductance that noise may lead to [uS]; ``-inf`` leaves the errors unclipped.
    faults : FaultMask or None
        Devices known to be stuck, of the target's shape; the others are stuck at the rates of the device.

    Returns
    -------
    Programmed
        Realised conductances, fault masks, and what a write-verify loop tells.

    Raises
    ------
    InputError
        A target is not finite or lies outside the window, or the mask has another shape.
    """
    return program_keyed(device, target, draw_key(rng), floor=floor, faults=faults)


def draw_key(rng: np.random.Generator) -> np.uint64:
    """Return the key of a programming event."""
    return np.uint64(rng.integers(0, 2**64, dtype=np.uint64))


def program_keyed(
    device: Device, target: ArrayLike, key: np.uint64, *, floor: float = 0.0, faults: FaultMask | None = None
) -> Programmed:
    """Write target conductances into devices, with all draws from one key; see `program`.

    Errors, faults and windows are drawn for different purposes, so that switching one on does not change the draws of
    the other.

    Parameters
    ----------
    key : numpy.uint64
        Key of the counter-based random numbers, such as that of `memramp.streams.Streams.key`.
    """
    wanted = np.array(target, dtype=np.float64)
    plan = make_plan(device, wanted, floor, faults)
    block = plan.write(np.uint64(key), slice(0, wanted.size))
    shape = wanted.shape
    cells = Programmed(
        g=block.g.reshape(shape),
        stuck_off=np.array(block.stuck_off).reshape(shape),
        stuck_on=np.array(block.stuck_on).reshape(shape),
        target=plan.target.reshape(shape),
        stuck_at=None if faults is None else np.array(block.stuck_at).reshape(shape),
        aim=block.aim.reshape(shape) if device.levels is not None or plan.own_windows else None,
        saturated=None if block.saturated is None else block.saturated.reshape(shape),
    )
    return _with_ageing(_with_loop(cells, device, block), device, key)


def _with_ageing(cells: Programmed, device: Device, key: np.uint64) -> Programmed:
    """Draw what time and temperature will do, from a stream of its own."""
    if not device.ages:
        return cells
    rng = np.random.default_rng(np.random.SeedSequence(int(key), spawn_key=(_AGEING,)))
    return replace(cells, ageing=draw(device, cells.g, rng, cells.stuck))


def _with_loop(cells: Programmed, device: Device, block: Block) -> Programmed:
    """Add what a simulated write-verify loop tells."""
    noise, shape = device.prog_noise, cells.g.shape
    if not isinstance(noise, WriteVerify) or block.counts is None or block.energy is None or block.failed is None:
        return cells
    return replace(
        cells,
        pulses=block.counts.reshape(2, *shape),
        energy=block.energy.reshape(shape),
        time=noise.time(*block.counts).reshape(shape),
        failed=block.failed.reshape(shape),
    )
