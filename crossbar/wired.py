"""The arrays of a matrix with their wires: which device lies where, and what is left of it at the columns' ends."""

from collections.abc import Callable, Iterator

import numpy as np

from memramp.crossbar.mapping import REFERENCE, CrossbarConfig, Devices
from memramp.crossbar.output_noise import Fluctuations
from memramp.crossbar.tiling import Tiling
from memramp.crossbar.wire_fold import effective_conductance, noise_factors
from memramp.devices.noise import FloatArray


def through_wires(devices: Devices, tiling: Tiling, config: CrossbarConfig) -> dict[str, FloatArray]:
    """Return what devices count for through the wires of their arrays: effective conductances by plane [uS].

    A linear array with wires is still a matrix, so that it is solved once, exactly, for all inputs to come.

    Parameters
    ----------
    devices : mapping
        Conductances by plane [uS].
    tiling, config : Tiling, CrossbarConfig
        How they lie in physical arrays: side by side, output by output, with the reference column last; or each plane
        in an array of its own.

    Raises
    ------
    InputError
        The circuit was not solved, or needs more memory than there is.
    """
    return _of_each_array(devices, tiling, config, lambda g: effective_conductance(g, config.wires))


def noise_through_wires(
    fluctuations: Fluctuations, devices: Devices, tiling: Tiling, config: CrossbarConfig
) -> Fluctuations:
    """Return what of the fluctuations of devices reaches their own columns, to first order; see `through_wires`.

    Costs two more solutions of the circuits, but nothing where no device fluctuates.
    """
    if all(found.quiet for found in fluctuations.values()):
        return fluctuations
    factors = _of_each_array(devices, tiling, config, lambda g: np.sqrt(noise_factors(g, config.wires)))
    return {name: found.scaled(factors[name]) for name, found in fluctuations.items()}


def _of_each_array(
    devices: Devices, tiling: Tiling, config: CrossbarConfig, solve: Callable[[FloatArray], FloatArray]
) -> dict[str, FloatArray]:
    """Return what is found from the conductances of each physical array, by plane."""
    found = {name: np.empty_like(g) for name, g in devices.items()}
    for places in _arrays(devices, tiling, config):
        _spread(solve(_side_by_side(devices, places)), places, found)
    return found


_Places = dict[str, tuple[slice, slice]]
"""Which part of each plane lies in one physical array."""


def _arrays(devices: Devices, tiling: Tiling, config: CrossbarConfig) -> Iterator[_Places]:
    """Yield the physical arrays."""
    parts = len(tiling.col_bounds) - 1
    for number, (rows, cols) in enumerate(tiling.blocks()):
        part = number % parts
        places = {
            name: (rows, slice(part, part + 1) if name == REFERENCE else cols) for name in devices
        }
        if config.layout == "separate":
            yield from ({name: place} for name, place in places.items())
        else:
            yield places


def _side_by_side(devices: Devices, places: _Places) -> FloatArray:
    """Return the conductances of one array: the planes' devices of an output are neighbours [uS]."""
    parts = {name: devices[name][place] for name, place in places.items()}
    planes = [part for name, part in parts.items() if name != REFERENCE]
    g = np.stack(planes, axis=-1).reshape(planes[0].shape[0], -1)
    return np.concatenate([g, parts[REFERENCE]], axis=1) if REFERENCE in parts else g


def _spread(found: FloatArray, places: _Places, into: dict[str, FloatArray]) -> None:
    """Put the numbers of one array where its devices belong; undoes `_side_by_side`."""
    names = [name for name in places if name != REFERENCE]
    outputs = found.shape[1] - (len(places) - len(names))
    grid = found[:, :outputs].reshape(found.shape[0], -1, len(names))
    for number, name in enumerate(names):
        into[name][places[name]] = grid[..., number]
    if REFERENCE in places:
        into[REFERENCE][places[REFERENCE]] = found[:, outputs:]
