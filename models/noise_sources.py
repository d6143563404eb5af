"""The sources of error of a network's hardware, each of which can be made larger or smaller, or taken away.

What is left without any of them is the quantisation of the converters, in an ideal circuit. The ramps stay those that
were designed for the real devices.
"""

from collections.abc import Mapping

from memramp.crossbar.mapping import tiling_of
from memramp.errors import InputError
from memramp.models.checkpoint import Checkpoint
from memramp.models.gates import converter_groups
from memramp.models.hardware import HardwareConfig
from memramp.models.hardware_sources import (
    Source,
    array_sources,
    circuit_sources,
    digital_sources,
    late_sources,
    ramp_sources,
)
from memramp.models.network_arrays import matrices
from memramp.models.spec import RecurrentSpec

MAX_FACTOR = 10.0

def sources_of(checkpoint: Checkpoint, hardware: HardwareConfig) -> tuple[Source, ...]:
    """Return the sources of error that hardware has and that matter to a network, in the order of the signal."""
    ramps = _uses_ramps(checkpoint, hardware)
    found = [*digital_sources(hardware, checkpoint.network), *array_sources(hardware)]
    if ramps:
        found += ramp_sources(hardware)
    return (*found, *circuit_sources(hardware), *late_sources(hardware))


def scaled_hardware(
    hardware: HardwareConfig, sources: tuple[Source, ...], factors: Mapping[str, float]
) -> HardwareConfig:
    """Return hardware whose sources of error are multiplied.

    Parameters
    ----------
    hardware : HardwareConfig
        As configured.
    sources : tuple of Source
        What it has, see `sources_of`.
    factors : mapping of str to float
        For each source by name, 0 (none) to `MAX_FACTOR`; those that are not named stay as they are. With 1 for all,
        chips are the same to the last bit.

    Raises
    ------
    InputError
        A source that the hardware does not have, a factor out of range, or stuck devices of a rate above 1.
    """
    names = {source.name for source in sources}
    if unknown := sorted(set(factors) - names):
        raise InputError(f"the hardware has no source of error '{unknown[0]}', it has {', '.join(sorted(names))}")
    found = hardware.model_copy(
        update={"ramp_device": hardware.devices_of_ramp, "designed_for": hardware.design_device}
    )
    for source in sources:
        factor = factors.get(source.name, 1.0)
        if not 0.0 <= factor <= MAX_FACTOR:
            raise InputError(f"factors of sources of error lie in 0 .. {MAX_FACTOR:g}, found {factor:g}")
        if factor != 1.0:
            found = source.scaled(found, factor)
    _check_rates(found)
    return found


def only(sources: tuple[Source, ...], *names: str) -> dict[str, float]:
    """Return factors that leave the named sources alone and take away the others."""
    return {source.name: 1.0 if source.name in names else 0.0 for source in sources}


def without(sources: tuple[Source, ...], *names: str) -> dict[str, float]:
    """Return factors that take away the named sources."""
    return {source.name: 0.0 if source.name in names else 1.0 for source in sources}


def _check_rates(hardware: HardwareConfig) -> None:
    for device in (hardware.device, hardware.devices_of_ramp):
        if (rate := device.stuck_off_rate + device.stuck_on_rate) > 1.0:
            raise InputError(f"devices would be stuck at a rate of {rate:g}, above 1; take a smaller factor")


def _uses_ramps(checkpoint: Checkpoint, hardware: HardwareConfig) -> bool:
    """Return whether ramps convert anything: not where sums are joined in digital, nor by uniform converters."""
    for layer, name in checkpoint.network.directions():
        gates = matrices(layer, checkpoint.cells[name], checkpoint.units(layer), hardware)["gates"]
        if tiling_of((gates.shape[0], gates.shape[1]), hardware.crossbar).join != "digital" and _has_ramps(
            layer, hardware
        ):
            return True
    return False


def _has_ramps(layer: RecurrentSpec, hardware: HardwareConfig) -> bool:
    groups = converter_groups(layer, hardware.activation, hardware.gates, hardware.tanh_c)
    return any(group.activation is not None and group.activation.kind == "nladc" for group in groups)
