"""Which converter and function each gate of a cell has."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from memramp.config import StrictModel, validate
from memramp.models.spec import GATES, Cell, NetworkSpec, RecurrentSpec
from memramp.peripherals import ActivationConfig
from memramp.peripherals.functions import get_function
from memramp.peripherals.levels import MAX_BITS, LevelsKind

Gate = Literal["i", "f", "g", "o", "c", "r", "z", "n", "h"]
"""Gates of the LSTM (input, forget, candidate, output), ``c`` for tanh of its cell state; of the GRU (reset, update,
candidate); ``h``, the state of the RNN."""

FUNCTIONS: dict[str, str] = {
    **dict.fromkeys(("i", "f", "o", "r", "z"), "sigmoid"),
    **dict.fromkeys(("g", "c", "n"), "tanh"),
}
"""Functions of the gates, unless a configuration says otherwise; that of ``h`` is the layer's nonlinearity."""


class GateConfig(StrictModel):
    """One gate's departure from the ``activation`` block; what is None is as there."""

    function: Annotated[str, Field(min_length=1)] | None = None
    """Another function in place of the gate's own, see 'memramp show functions'."""

    kind: Literal["nladc", "uniform_adc", "digital"] | None = None
    """Converter; ``digital``: the function in floating point of the pre-activation itself, without conversion."""

    bits: Annotated[int, Field(strict=True, ge=1, le=MAX_BITS)] | None = None
    levels: LevelsKind | None = None
    range: Annotated[float, Field(strict=True, ge=1e-6, le=1e6)] | None = None
    """Full scale of ``uniform_adc`` [pre-activation]."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.function is not None:
            get_function(self.function)
        if self.kind == "digital" and (self.bits, self.levels, self.range) != (None, None, None):
            raise ValueError("kind 'digital' converts nothing, so it takes no bits, levels or range")
        return self

    def activation(self, base: ActivationConfig, gate: str) -> ActivationConfig:
        """Return the converter's configuration.

        Raises
        ------
        InputError
            What the gate asks for does not go with the rest of the ``activation`` block.
        """
        own = {key: getattr(self, key) for key in ("kind", "bits", "levels", "range")}
        changed = {key: value for key, value in own.items() if value is not None}
        if not changed:
            return base
        return validate(ActivationConfig, base.model_dump() | changed, f"gates.{gate}")


class StateConfig(StrictModel):
    """The ``state`` block: the digital register that keeps the cell state of an LSTM."""

    bits: Annotated[int, Field(strict=True, ge=2, le=32)] | None = None
    """Width of the register, with the sign; None: floating point."""

    range: Annotated[float, Field(strict=True, ge=1e-3, le=1e6)] | None = None
    """Largest state; larger ones are clipped. None: without a limit; needed with `bits`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.bits is not None and self.range is None:
            raise ValueError("bits need the key 'range', the state of the largest code")
        return self

    @property
    def levels(self) -> int:
        """Codes of each polarity above zero; 0 in floating point."""
        return 0 if self.bits is None else 2 ** (self.bits - 1) - 1

    def kept(self, c: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return cell states as the register keeps them; any shape."""
        if self.range is None:
            return c
        clipped = np.clip(c, -np.float32(self.range), np.float32(self.range))
        if self.levels == 0:
            return clipped
        step = np.float32(self.range / self.levels)
        return np.asarray(np.rint(clipped / step) * step)


@dataclass(frozen=True)
class ConverterGroup:
    """The gates that share one converter, and so one ramp."""

    name: str
    """``sigmoid`` or another function; with the gates' names where they depart from the ``activation`` block."""

    function: str
    activation: ActivationConfig | None
    """None: no converter, the function is digital."""

    gates: tuple[str, ...]
    """In the order of the converter's columns."""


def converter_groups(
    layer: RecurrentSpec, activation: ActivationConfig, gates: dict[Gate, GateConfig], tanh_c: str
) -> tuple[ConverterGroup, ...]:
    """Return the converters of a layer, in the order in which its gates need them.

    Parameters
    ----------
    layer : RecurrentSpec
        The layer; the candidate of a GRU whose reset gate acts after the product has none, see
        `memramp.models.analog_cell`.
    activation : ActivationConfig
        Converter of all gates that `gates` says nothing about.
    gates : dict of str to GateConfig
        Departures; those of gates that the layer does not have play no part.
    tanh_c : str
        ``nladc`` where tanh of the cell state is converted.

    Raises
    ------
    InputError
        A departure does not go with the rest.
    """
    found: dict[tuple[str, ActivationConfig | None, bool], list[str]] = {}
    for gate in converted_gates(layer, tanh_c):
        own = gates.get(gate, GateConfig())  # type: ignore[call-overload]
        config = None if own.kind == "digital" else own.activation(activation, gate)
        # A GRU's candidate is a read of its own, of an array of its own: it has a converter of its own.
        found.setdefault((own.function or function_of(layer, gate), config, gate == "n"), []).append(gate)
    groups: list[ConverterGroup] = []
    for (function, config, _), of_group in found.items():
        usual = config == activation and function not in [group.name for group in groups]
        name = function if usual else f"{function}_{''.join(of_group)}"
        groups.append(ConverterGroup(name, function, config, tuple(of_group)))
    return tuple(groups)


def network_groups(
    network: NetworkSpec, activation: ActivationConfig, gates: dict[Gate, GateConfig], tanh_c: str
) -> dict[str, ConverterGroup]:
    """Return the converters of all layers by name; those of one name are designed alike. See `converter_groups`."""
    found: dict[str, ConverterGroup] = {}
    for layer in network.recurrent:
        for group in converter_groups(layer, activation, gates, tanh_c):
            found.setdefault(group.name, group)
    return {name: group for name, group in found.items() if group.activation is not None}


def converted_gates(layer: RecurrentSpec, tanh_c: str) -> tuple[str, ...]:
    """Return the gates of a layer whose pre-activations are converted."""
    gates = GATES[layer.kind]
    if layer.kind == "lstm":
        return (*gates, "c") if tanh_c == "nladc" else gates
    if layer.kind == "gru" and layer.reset == "after":
        return gates[:2]
    return gates


def function_of(layer: RecurrentSpec, gate: str) -> str:
    """Return the function that a gate has by itself."""
    return layer.nonlinearity if gate == "h" else FUNCTIONS[gate]


def check_gates(gates: dict[Gate, GateConfig], kinds: set[Cell]) -> str | None:
    """Return what is wrong with the gates that a configuration names, None if nothing is."""
    known = {gate for kind in kinds for gate in GATES[kind]} | ({"c"} if "lstm" in kinds else set())
    unknown = sorted(set(gates) - known)
    return f"the network has no gate '{unknown[0]}', it has {', '.join(sorted(known))}" if unknown else None

