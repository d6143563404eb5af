"""Options that the commands of ``memramp ramp`` share, and what they stand for.

Each group is a dataclass whose fields are Typer options; `expanded` gives a command that takes such groups the options
of all of them. Nothing that simulates is imported here but inside the methods, so that ``--help`` answers at once.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from memramp.errors import InputError
from memramp.experiments.option_values import about, choice, numbers, pair, validated

if TYPE_CHECKING:
    from memramp.devices import Device
    from memramp.peripherals import Density, Function, LevelsKind, RampDesign, Realisation, Span

_REALISATION = {
    "max_devices": "--max-devices",
    "pulse_widths": "--pulse-widths",
    "bias_devices": "--bias-devices",
    "spares": "--spares",
}


@dataclass(frozen=True, kw_only=True)
class DesignOptions:
    """Which ramp."""

    function: Annotated[
        str | None,
        typer.Argument(metavar="FN", help="Activation function, see 'memramp show functions'; or --expr or --table."),
    ] = None
    bits: Annotated[int, typer.Option(metavar="N", help="Resolution, 2 to 12 (levels paper: from 1).")]
    device: Annotated[
        str, typer.Option(metavar="PRESET", help="Device preset, see 'memramp show devices', or a .yaml file.")
    ] = "yang2025_150us"
    levels: Annotated[
        str, typer.Option(metavar="KIND", help="midpoint, paper, uniform, lloyd_max or noise_aware.")
    ] = "midpoint"
    density: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="Pre-activations to expect: normal:MEAN,STD, a recording ('memramp show densities') or a .json file.",
        ),
    ] = None
    expr: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Function as an expression of x; needs --span.")
    ] = None
    table: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Function as a table of x,y.")] = None
    span: Annotated[
        str | None,
        typer.Option(
            metavar="LO,HI",
            help="Inputs beyond which the converter saturates; data, or data:0.99: those that hold 99.9 % (99 %) of "
            "the density.",
        ),
    ] = None
    fold: Annotated[
        list[float] | None,
        typer.Option(metavar="X", help="Input at which --expr or --table turns (repeatable)."),
    ] = None
    output_bits: Annotated[
        int | None, typer.Option(metavar="B", help="Outputs of data-driven levels on a grid of B bits.")
    ] = None
    max_devices: Annotated[int, typer.Option(metavar="M", help="Most devices that fire together for one step.")] = 1
    pulse_widths: Annotated[
        str, typer.Option(metavar="W,W,...", help="Pulse widths of the drivers, relative to the full pulse.")
    ] = "1"
    bias_devices: Annotated[
        int | None, typer.Option(metavar="N", help="Number of bias devices; default: as few as possible.")
    ] = None
    spares: Annotated[int, typer.Option(metavar="S", help="Spare devices, for --remap.")] = 0

    def functions(self) -> "list[Function]":
        """Return the activation functions, one at least.

        Raises
        ------
        InputError
            None or two ways to say which, an unknown function, or one that no ramp can realise.
        """
        from memramp.peripherals.function_config import resolve_function

        given = {"FN": self.function, "--expr": self.expr, "--table": self.table}
        found = [name for name, value in given.items() if value is not None]
        if len(found) != 1:
            raise InputError(f"give exactly one of FN, --expr and --table, found {' and '.join(found) or 'none'}")
        span = None if self.span is None or self._follows_data() else pair("--span", self.span)
        try:
            return [resolve_function(wanted, span, self.fold or ()) for wanted in self._wanted()]
        except InputError as error:
            raise InputError(_with_options(str(error))) from None

    def _wanted(self) -> list[dict[str, Any]]:
        if self.expr is not None:
            return [{"expression": self.expr}]
        if self.table is not None:
            return [{"table": self.table}]
        names = [name.strip() for name in str(self.function).split(",")]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"the function '{twice[0]}' stands twice in '{self.function}'")
        return [{"name": name} for name in names]

    def _follows_data(self) -> bool:
        return self.span is not None and self.span.split(":")[0] == "data"

    def _span_of(self, density: "Density | None") -> "Span | None":
        """Return the span that a density asks for; None leaves it to the function."""
        if self.span is None or not self._follows_data():
            return None
        if density is None:
            raise InputError("--span data needs --density")
        _, given, part = self.span.partition(":")
        with about("--span"):
            return density.span(*numbers("data", part)[:1]) if given else density.span()

    def realisation(self) -> "Realisation":
        """Return how steps may be made of devices."""
        from memramp.peripherals import Realisation

        values = {
            "max_devices": self.max_devices,
            "pulse_widths": tuple(numbers("--pulse-widths", self.pulse_widths)),
            "bias_devices": self.bias_devices,
            "spares": self.spares,
        }
        return validated(Realisation, values, _REALISATION)

    def density_of(self, function: "Function") -> "Density | None":
        """Return the pre-activations that a function's converters are to expect, if any were given."""
        from memramp.peripherals import load_density

        if self.density is None:
            return None
        with about("--density"):
            return load_density(self.density, function.name)

    def _check_levels(self) -> None:
        """Check levels, bits and the options that belong to them."""
        from memramp.peripherals.levels import DATA_DRIVEN, LevelsKind, check_bits
        from memramp.peripherals.placement import check_data_bits

        levels = cast("LevelsKind", choice("--levels", self.levels, get_args(LevelsKind)))
        with about("--bits"):
            check_bits(self.bits, levels)
        if levels not in DATA_DRIVEN:
            if self.output_bits is not None:
                raise InputError(f"--output-bits belongs to --levels {' and '.join(DATA_DRIVEN)}, found '{levels}'")
            return
        if self.density is None:
            raise InputError(f"--levels {levels} needs --density: a recording, or normal:MEAN,STD")
        with about("--bits"):
            check_data_bits(self.bits, None)
        with about("--output-bits"):
            check_data_bits(self.bits, self.output_bits)

    def designs(self, device: "Device") -> "dict[str, RampDesign]":
        """Return the ramps, by the name of their function.

        Raises
        ------
        InputError
            Options that make no ramp.
        """
        from memramp.peripherals import design_ramp

        self._check_levels()
        made, realisation = {}, self.realisation()
        for function in self.functions():
            if function.name in made:
                raise InputError(f"'{self.function}' names the function {function.name} twice")
            density = self.density_of(function)
            made[function.name] = design_ramp(
                function,
                self.bits,
                cast("LevelsKind", self.levels),  # which it checks
                device,
                span=self._span_of(density),
                density=density,
                output_bits=self.output_bits,
                realisation=realisation,
            )
        return made

    def single(self, device: "Device") -> "RampDesign":
        """Return the ramp where the command is about one only."""
        made = list(self.designs(device).values())
        if len(made) > 1:
            raise InputError(f"this command takes one function, found {len(made)} in '{self.function}'")
        return made[0]


def _with_options(text: str) -> str:
    """Return a message about a configuration's key ``folds`` as one about the option, ready to be copied."""
    return re.sub(
        r"folds=([-+.\de,]+)", lambda found: " ".join(f"--fold {fold}" for fold in found[1].split(",")), text
    )


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with the fields of every group of options that it takes as options of its own."""
    parameters = inspect.signature(command, eval_str=True).parameters
    groups = {name: part.annotation for name, part in parameters.items() if isinstance(part.annotation, type)}
    groups = {name: group for name, group in groups.items() if hasattr(group, "__dataclass_fields__")}

    @wraps(command)
    def run(**options: Any) -> None:
        made = {
            name: group(**{field.name: options.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**made, **options)

    flat = [part for group in groups.values() for part in inspect.signature(group, eval_str=True).parameters.values()]
    flat += [part.replace(kind=part.KEYWORD_ONLY) for name, part in parameters.items() if name not in groups]
    run.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    run.__annotations__ = {part.name: part.annotation for part in flat}
    return run
