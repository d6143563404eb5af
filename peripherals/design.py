"""From an activation function to a ramp column: placement of the levels, then realisation in devices."""

from collections.abc import Callable

from memramp.devices import Device
from memramp.errors import InputError
from memramp.peripherals.density import Density
from memramp.peripherals.function import Function, Span
from memramp.peripherals.functions import get_function
from memramp.peripherals.levels import DATA_DRIVEN, Levels, LevelsKind, check_bits, ideal_levels
from memramp.peripherals.noise_aware import noise_aware_levels
from memramp.peripherals.placement import lloyd_max_levels
from memramp.peripherals.ramp import RampDesign, Realisation, WindowError, realise


def design_ramp(
    function: str | Function,
    bits: int,
    levels: LevelsKind,
    device: Device,
    *,
    span: Span | None = None,
    density: Density | None = None,
    output_bits: int | None = None,
    realisation: Realisation | None = None,
) -> RampDesign:
    """Turn an activation function into the conductances of a ramp column.

    Parameters
    ----------
    function : str or Function
        Activation function; a name is looked up in the library.
    bits : int
        Resolution, 1..12 for ``paper``, 2..12 for the others (2..8 where levels follow from data).
    levels : {"paper", "midpoint", "uniform", "lloyd_max", "noise_aware"}
        Placement of thresholds and outputs; see `memramp.peripherals.levels`.
    device : Device
        Its window; for ``noise_aware`` its errors as well.
    span : tuple of float or None
        Inputs beyond which the converter saturates; None takes the function's own [pre-activation].
    density : Density or None
        Pre-activations to expect; needed by ``lloyd_max`` and ``noise_aware``, of no use to the others.
    output_bits : int or None
        Outputs of ``lloyd_max`` and ``noise_aware`` lie on a grid of this many bits over the output range, as a digital
        word holds them; None leaves them free.
    realisation : Realisation or None
        How steps may be made of devices; None: one device a step, one width of pulse.

    Raises
    ------
    InputError
        Unknown function or levels, bits out of range, a placement without its density, or steps that the window cannot
        hold.
    """
    chosen = get_function(function) if isinstance(function, str) else function
    made = realisation or Realisation()

    def column(bits: int, output_bits: int | None) -> RampDesign:
        return realise(_place(chosen, bits, levels, device, span, density, output_bits, made), device, made)

    try:
        return column(bits, output_bits)
    except WindowError as error:
        fitting = _most_bits(lambda fewer: column(fewer, None), bits)
        raise InputError(f"{error}, or at most {fitting} bits") from None


def _most_bits(column: Callable[[int], RampDesign], bits: int) -> int:
    """Return the highest resolution below `bits` that fits into the window, 0 if there is none."""
    for fewer in range(bits - 1, 0, -1):
        try:
            column(fewer)
        except InputError:
            continue
        return fewer
    return 0


def _place(
    function: Function,
    bits: int,
    levels: LevelsKind,
    device: Device,
    span: Span | None,
    density: Density | None,
    output_bits: int | None,
    realisation: Realisation,
) -> Levels:
    """Place thresholds and outputs by any rule; see `design_ramp`."""
    check_bits(bits, levels)
    if levels not in DATA_DRIVEN:
        if output_bits is not None:
            raise InputError(f"output_bits belongs to levels that follow from data, not to '{levels}'")
        return ideal_levels(function, bits, levels, span)
    if density is None:
        raise InputError(f"levels '{levels}' need a density of pre-activations")
    if levels == "lloyd_max":
        return lloyd_max_levels(function, bits, density, span, output_bits)
    return noise_aware_levels(function, bits, density, device, realisation, span, output_bits)
