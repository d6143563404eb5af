"""One programming event in blocks: what a chip's devices hold, from a key; the common ground of one chip and of many.

A `Plan` holds what all chips of one target have in common. What a device gets depends on the key and its number alone,
so that blocks of any size give the same bits.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from memramp.devices import kernels
from memramp.devices.device import Device
from memramp.devices.faults import BoolArray, FaultMask
from memramp.devices.noise import FloatArray, UniformNoise
from memramp.devices.programming_noise import TableNoise
from memramp.devices.write_verify import WriteVerify
from memramp.errors import InputError

BLOCK = 65536
"""Devices that are written together, a multiple of 4: many enough that Python between the kernels costs little, and so
few that a thread needs little memory."""

MAX_DEVICES = 2**32
"""Most devices of one event: counters of the random numbers have 32 bits."""

_TOLERANCE = 1e-9  # of g_max: what rounding may add to a target at the edge of the window
_US = 1e-6  # siemens
_WORDS = 2**32


@dataclass(eq=False)
class Block:
    """Devices first .. first + n - 1 of a chip; [n] each."""

    g: FloatArray
    """What they hold [uS]."""

    stuck_off: BoolArray
    stuck_on: BoolArray
    stuck_at: BoolArray

    aim: FloatArray
    """What the write aimed at: the nearest level within the device's own window [uS]."""

    saturated: BoolArray | None
    """Targets beyond the device's own window; None without `Device.g_min_std` and `Device.g_max_std`."""

    counts: NDArray[np.int32] | None = None
    """Numbers of SET and RESET pulses, [2, n]; None where no loop is simulated, as in what follows."""

    energy: FloatArray | None = None
    """[J]"""

    failed: BoolArray | None = None
    """Devices that were not within the tolerance when the tries ended."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be written into which devices; arrays are flat, [n]."""

    device: Device
    target: FloatArray
    """What was asked for [uS]."""

    rounded: FloatArray
    """The nearest level of each target; without levels, the target itself [uS]."""

    floor: float
    """Lowest conductance that noise may lead to [uS]."""

    faults: FaultMask | None
    """Measured faults, flat."""

    std: FloatArray | None = field(init=False)
    """Of Gaussian errors; None for other kinds [uS]."""

    equal: bool = field(init=False)
    """Whether all of `std` are equal."""

    def __post_init__(self) -> None:
        noise = self.device.prog_noise
        other = isinstance(noise, UniformNoise | TableNoise | WriteVerify) or self.own_windows
        std = None if other else np.ascontiguousarray(noise.std(self.rounded))
        object.__setattr__(self, "std", std)
        object.__setattr__(self, "equal", std is not None and std.size > 0 and bool(np.ptp(std) == 0.0))

    @property
    def own_windows(self) -> bool:
        """Whether each device has a window of its own."""
        return self.device.g_min_std > 0.0 or self.device.g_max_std > 0.0

    def write(self, key: np.uint64, part: slice, g: FloatArray | None = None) -> Block:
        """Return what the devices of a part hold after the event of this key; the part begins at a multiple of 4.

        `g` is room for the conductances, at least as many as the part has devices; memory that was used before is
        faster.
        """
        first = part.start
        low, high = self._windows(key, part)
        aim = np.clip(self.rounded[part], low, high) if self.own_windows else self.rounded[part]
        n = aim.size
        saturated = aim != self.rounded[part] if self.own_windows else None
        none = np.broadcast_to(np.False_, (n,))  # takes no memory; arrays take its place where there are faults
        block = Block(np.empty(n) if g is None else g[:n], none, none, none, aim, saturated)
        self._write_healthy(key, part, block, low, high)
        if self.faults is not None or self.device.stuck_off_rate > 0.0 or self.device.stuck_on_rate > 0.0:
            block.stuck_off, block.stuck_on = self._draw_faults(key, first, n)
            self._put_faults(block, part, low, high)
        return block

    def _windows(self, key: np.uint64, part: slice) -> tuple[FloatArray | float, FloatArray | float]:
        """Return the ends of each device's window; plain numbers where all devices have the same [uS]."""
        device = self.device
        if not self.own_windows:
            return device.g_min, device.g_max
        n = self.rounded[part].size
        ends = []
        for mean, std, purpose in (
            (device.g_min, device.g_min_std, kernels.WINDOW_MIN),
            (device.g_max, device.g_max_std, kernels.WINDOW_MAX),
        ):
            z = np.empty(n, np.float32)
            kernels.normals(key, part.start, purpose, z)
            ends.append(np.maximum(mean + std * z.astype(np.float64), 0.0))
        return ends[0], np.maximum(ends[0], ends[1])  # a device whose ends would cross has a window without width

    def _draw_faults(self, key: np.uint64, first: int, n: int) -> tuple[BoolArray, BoolArray]:
        # One random word decides both faults, from its two ends: the rates are exact, the faults exclude each other,
        # and changing one rate does not move the other kind of fault to other devices.
        device = self.device
        below = np.uint64(round(device.stuck_off_rate * _WORDS))
        above = np.uint64(round((1.0 - device.stuck_on_rate) * _WORDS))
        off, on = np.empty(n, np.bool_), np.empty(n, np.bool_)
        kernels.draw_faults(below, above, key, first, off, on)
        return off, on

    def _write_healthy(
        self, key: np.uint64, part: slice, block: Block, low: FloatArray | float, high: FloatArray | float
    ) -> None:
        noise, aim, first = self.device.prog_noise, block.aim, part.start
        if isinstance(noise, WriteVerify):
            self._run_loop(noise, key, first, block, low, high)
        elif isinstance(noise, TableNoise):
            row, weight = noise.places(aim)
            kernels.write_quantiles(aim, row, weight, noise.quantiles, key, first, self.floor, block.g)
        elif isinstance(noise, UniformNoise):
            ends = np.array([[-noise.half_width, noise.half_width]])
            row, weight = np.zeros(aim.size, np.int64), np.zeros(aim.size)
            kernels.write_quantiles(aim, row, weight, ends, key, first, self.floor, block.g)
        else:
            kernels.write_normal(aim, self._std(part, aim), key, first, self.floor, block.g)

    def _std(self, part: slice, aim: FloatArray) -> FloatArray:
        if self.std is None:
            return self.device.prog_noise.std(aim)
        # Where all are equal, those of the first block do, which are in the cache already.
        return self.std[: aim.size] if self.equal else self.std[part]

    def _run_loop(
        self,
        noise: WriteVerify,
        key: np.uint64,
        first: int,
        block: Block,
        low: FloatArray | float,
        high: FloatArray | float,
    ) -> None:
        n = block.aim.size
        z = np.zeros(n, np.float32)
        if noise.start_std > 0.0:
            kernels.normals(key, first, kernels.START, z)
        mean = low if noise.start is None else noise.start
        start = np.clip(mean + noise.start_std * z.astype(np.float64), 0.0, high)
        block.counts, block.energy = np.empty((2, n), np.int32), np.empty(n)
        block.failed = np.empty(n, np.bool_)
        bottom, top = np.array(np.broadcast_to(low, n)), np.array(np.broadcast_to(high, n))
        table, loop = noise.pulse_table(), noise.loop_table()
        out = (block.g, block.counts, block.energy, block.failed)
        kernels.write_verify(block.aim, start, bottom, top, table, loop, noise.max_tries, key, first, *out)

    def _put_faults(self, block: Block, part: slice, low: FloatArray | float, high: FloatArray | float) -> None:
        """Set stuck devices last, so that nothing undoes them; those of a measured mask come first."""
        if self.faults is not None:
            measured = self.faults
            block.stuck_at = measured.stuck_at[part].copy()
            known = measured.stuck_off[part] | measured.stuck_on[part] | block.stuck_at
            block.stuck_off = np.where(known, measured.stuck_off[part], block.stuck_off)
            block.stuck_on = np.where(known, measured.stuck_on[part], block.stuck_on)
            np.copyto(block.g, measured.value[part], where=block.stuck_at)
        np.copyto(block.g, low, where=block.stuck_off)
        np.copyto(block.g, high, where=block.stuck_on)
        if isinstance(self.device.prog_noise, WriteVerify):
            self._count_in_vain(block, self.device.prog_noise)

    @staticmethod
    def _count_in_vain(block: Block, noise: WriteVerify) -> None:
        """Give stuck devices what the loop spends on them: all tries, unless they are where they should be."""
        if block.counts is None or block.energy is None or block.failed is None:
            return
        stuck = block.stuck_off | block.stuck_on | block.stuck_at
        error = block.g[stuck] - block.aim[stuck]
        far = np.abs(error) > noise.tolerance  # verify reads of a device that does not move are taken as exact
        pulses = np.stack([far & (error < 0.0), far & (error > 0.0)]) * noise.max_tries
        each = np.array([[noise.set.energy_per_siemens], [noise.reset.energy_per_siemens]])
        reads = (pulses.sum(axis=0) + 1) * noise.verify_voltage**2 * noise.verify_time
        block.counts[:, stuck], block.failed[stuck] = pulses, far
        block.energy[stuck] = (reads + (pulses * each).sum(axis=0)) * block.g[stuck] * _US


def make_plan(device: Device, target: FloatArray, floor: float, faults: FaultMask | None) -> Plan:
    """Check targets and faults and return the plan of writing them, with flat arrays.

    Raises
    ------
    InputError
        A target that is not finite or outside the window, too many devices, or a mask of another shape.
    """
    slack = _TOLERANCE * device.g_max
    bad = ~((target >= device.g_min - slack) & (target <= device.g_max + slack))  # true for NaN as well
    if bad.any():
        window = f"{device.g_min:g}..{device.g_max:g} uS"
        raise InputError(f"target conductances must lie in the device's window {window}, found {target[bad][0]:g} uS")
    if target.size > MAX_DEVICES:
        raise InputError(f"at most 2**32 devices can be written at once, found {target.size}")
    if faults is not None and faults.value.shape != target.shape:
        found = f"{list(faults.value.shape)} and {list(target.shape)}"
        raise InputError(f"the fault mask must have the shape of the targets, found {found}")
    flat = np.clip(target, device.g_min, device.g_max).ravel()
    mask = None if faults is None else faults.ravel()
    return Plan(device=device, target=flat, rounded=_nearest(flat, device.level_values()), floor=floor, faults=mask)


def _nearest(target: FloatArray, levels: FloatArray | None) -> FloatArray:
    """Return the nearest level of each target, by bisection; in the middle, the upper one."""
    if levels is None:
        return target
    return np.asarray(levels[np.searchsorted((levels[1:] + levels[:-1]) / 2.0, target, side="right")])
