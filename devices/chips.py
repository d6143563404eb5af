"""Programming Monte Carlo: one target written into many chips in one call, with the error of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.devices import kernels
from memramp.devices.device import Device
from memramp.devices.faults import FaultMask
from memramp.devices.noise import FloatArray
from memramp.devices.writing import BLOCK, Plan, make_plan
from memramp.errors import InputError
from memramp.parallel import over_parts
from memramp.streams import Streams


@dataclass(frozen=True, eq=False)
class ChipErrors:
    """Error ``g - target`` over all devices of each chip, stuck ones included; [chips] each [uS]."""

    mean: FloatArray
    std: FloatArray
    max: FloatArray
    """Largest error in either direction."""

    def __len__(self) -> int:
        return self.mean.size


def chip_keys(streams: Streams, chips: int, *names: str | int) -> NDArray[np.uint64]:
    """Return the keys of chips 1..chips: ``streams.child("chip", n).key(*names)``, names by default "program"."""
    if chips < 0:
        raise InputError(f"the number of chips must not be negative, found {chips}")
    return np.array([streams.child("chip", n).key(*(names or ("program",))) for n in range(1, chips + 1)], np.uint64)


def program_chips(
    device: Device,
    target: ArrayLike,
    keys: Sequence[np.uint64] | NDArray[np.uint64],
    *,
    floor: float = 0.0,
    faults: FaultMask | None = None,
    out: NDArray[np.float32] | None = None,
    callback: Callable[[int, FloatArray], None] | None = None,
) -> ChipErrors:
    """Write one target into many chips and return the errors of each.

    A chip holds exactly what `memramp.devices.programming.program_keyed` gives for its key. Chips are spread over
    threads (`numba.set_num_threads`); the results do not depend on how. Beside `out`, memory is that of one block of
    devices a thread, or, with a callback, of one chip a thread.

    Parameters
    ----------
    device, target, floor, faults
        As in `memramp.devices.program`.
    keys : sequence of numpy.uint64
        A key for each chip, for example of `chip_keys`.
    out : ndarray of float32, [chips, *shape of the target] or None
        Filled with what the devices of each chip hold [uS].
    callback : callable or None
        Called with the number of each chip, from 0, and its conductances, float64 in the target's shape [uS]; from
        several threads, in no fixed order.

    Raises
    ------
    InputError
        See `memramp.devices.program`; or `out` does not fit.
    """
    wanted = np.array(target, dtype=np.float64)
    plan = make_plan(device, wanted, floor, faults)
    chips = np.asarray(keys, dtype=np.uint64)
    _check_out(out, (chips.size, *wanted.shape))
    sums = np.zeros((chips.size, 3))

    def part_of_chips(part: slice) -> None:
        for chip in range(part.start, part.stop):
            flat = None if out is None else out[chip].reshape(-1)
            whole = None if callback is None else np.empty(wanted.size)
            _write_chip(plan, chips[chip], sums[chip], flat, whole)
            if callback is not None and whole is not None:
                callback(chip, whole.reshape(wanted.shape))

    over_parts(part_of_chips, chips.size, 1)
    mean = sums[:, 0] / max(wanted.size, 1)
    variance = np.maximum(sums[:, 1] / max(wanted.size, 1) - mean**2, 0.0)
    return ChipErrors(mean=mean, std=np.sqrt(variance), max=sums[:, 2].copy())


def _write_chip(
    plan: Plan, key: np.uint64, sums: FloatArray, out: NDArray[np.float32] | None, whole: FloatArray | None
) -> None:
    room = np.empty(min(BLOCK, plan.target.size)) if whole is None else whole
    for start in range(0, plan.target.size, BLOCK):
        part = slice(start, min(start + BLOCK, plan.target.size))
        g = plan.write(key, part, room if whole is None else whole[part]).g
        kernels.error_sums(g, plan.target[part], sums)
        if out is not None:
            out[part] = g


def _check_out(out: NDArray[np.float32] | None, shape: tuple[int, ...]) -> None:
    if out is None:
        return
    if out.dtype != np.float32 or out.shape != shape or not out.flags.c_contiguous:
        found = f"{out.dtype} {list(out.shape)}{'' if out.flags.c_contiguous else ', not contiguous'}"
        raise InputError(f"out must be float32 {list(shape)}, contiguous, found {found}")
