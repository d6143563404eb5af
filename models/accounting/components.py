"""Components of a system and what they cost: a library of data files that users may add to or override."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from memramp.config import StrictModel, describe, read_yaml, validate
from memramp.errors import InputError
from memramp.models.accounting.bounds import NOTHING, Bounds
from memramp.models.accounting.scaling import BitsLaw, Quantity, bits_factor, node_law
from memramp.models.accounting.values import AreaValue, CostValue, DelayValue, EnergyValue, PowerValue
from memramp.quantities import Hertz, Volts, parse_quantity

_FOLDER = Path(__file__).resolve().parent / "components"
_VERSION = "memramp_components"


def nanometres(value: Any) -> float:
    """Read a length such as ``16 nm``; a plain number is taken to be in nm."""
    return parse_quantity(value, "m", "n")


Nanometres = Annotated[float, BeforeValidator(nanometres), Field(ge=1, le=1000)]
Bits = Annotated[int, Field(strict=True, ge=1, le=64)]


class Reference(StrictModel):
    """The condition under which a component's values hold."""

    node: Nanometres
    """Technology node [nm]."""

    voltage: Volts | None = None
    """Supply, or read voltage [V]."""

    clock: Hertz | None = None
    bits: Bits | None = None
    """Resolution, or width of a number; None: it has none."""


class Scaling(StrictModel):
    """How a component's values change with node and bits."""

    node: str = "logic"
    """Law between nodes, see ``scaling.yaml``."""

    nodes: tuple[Nanometres, Nanometres] | None = None
    """Nodes between which it is taken to hold; None: all of the law's [nm]."""

    energy: BitsLaw = "none"
    delay: BitsLaw = "none"
    area: BitsLaw = "none"
    power: BitsLaw = "none"
    bits: tuple[Bits, Bits] | None = None
    """Resolutions between which these laws are taken to hold; needed where one is not ``none``."""

    source: str = ""
    """Where the laws for bits are from."""

    max_clock: Hertz | None = None
    """Fastest clock; None: any."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        node_law(self.node)
        laws = {self.energy, self.delay, self.area, self.power}
        if laws != {"none"} and (self.bits is None or not self.source):
            raise ValueError("laws for bits need the keys bits, the range in which they hold, and source")
        for name in ("nodes", "bits"):
            ends = getattr(self, name)
            if ends is not None and ends[0] > ends[1]:
                raise ValueError(f"{name} needs the smaller end first, found {ends[0]:g} and {ends[1]:g}")
        return self


@dataclass(frozen=True)
class Conditions:
    """Where costs are wanted."""

    node: float = 16.0
    """Technology node [nm]."""

    clock: float = 1e9
    """[Hz]."""

    extrapolate: bool = False
    """Whether laws are used beyond their range; what was, is marked."""


@dataclass(frozen=True)
class Costs:
    """What a component costs under some conditions."""

    name: str
    energy: Mapping[str, Bounds]
    """Of each action [J]."""

    delay: Mapping[str, Bounds]
    """[s]."""

    area: Bounds
    """Of one instance [m2]."""

    power: Bounds
    """Of one instance as long as it is on [W]."""

    extrapolated: tuple[str, ...]
    """Which laws were used beyond their range, in words."""

    def of(self, action: str, wanted_by: str) -> Bounds:
        """Return the energy of an action [J].

        Raises
        ------
        InputError
            The component has no cost for it.
        """
        if action not in self.energy:
            raise InputError(
                f"component '{self.name}' has no energy for the action '{action}', which {wanted_by} counts; "
                f"it has {', '.join(self.energy) or 'none'}"
            )
        return self.energy[action]


class Component(StrictModel):
    """One kind of circuit: costs of its actions and of one instance of it."""

    description: Annotated[str, Field(min_length=8)]
    reference: Reference
    energy: dict[str, EnergyValue] = Field(default_factory=dict)
    """Of each action."""

    delay: dict[str, DelayValue] = Field(default_factory=dict)
    """Of actions whose time is not a number of clocks."""

    area: AreaValue | None = None
    power: PowerValue | None = None
    scaling: Scaling = Scaling()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.scaling.bits is not None and self.reference.bits is None:
            raise ValueError("scaling.bits needs reference.bits, the resolution of the values")
        return self

    def at(self, name: str, where: Conditions, bits: int | None = None) -> Costs:
        """Return the costs under some conditions, and for some resolution or width.

        Parameters
        ----------
        name : str
            The component's name, for messages.
        where : Conditions
            Node and clock.
        bits : int or None
            Resolution; None: that of the reference.

        Raises
        ------
        InputError
            Node, clock or bits are outside the range of a law, and nobody asked to extrapolate.
        """
        beyond = tuple(self._beyond(where, bits))
        if beyond and not where.extrapolate:
            raise InputError(f"component '{name}': {beyond[0]}")

        def scaled(quantity: Quantity, value: CostValue | None) -> Bounds:
            if value is None:
                return NOTHING
            return Bounds(*value.bounds) * self._factor(quantity, where.node, bits)

        return Costs(
            name,
            {action: scaled("energy", value) for action, value in self.energy.items()},
            {action: scaled("delay", value) for action, value in self.delay.items()},
            scaled("area", self.area),
            scaled("power", self.power),
            beyond,
        )

    def _factor(self, quantity: Quantity, node: float, bits: int | None) -> float:
        found = node_law(self.scaling.node).factor(quantity, self.reference.node, node)
        if bits is None or self.reference.bits is None:
            return found
        return found * bits_factor(getattr(self.scaling, quantity), self.reference.bits, bits)

    def _beyond(self, where: Conditions, bits: int | None) -> list[str]:
        scaling, found = self.scaling, []
        law = node_law(scaling.node)
        low, high = scaling.nodes or (law.nodes[0], law.nodes[-1])
        if where.node != self.reference.node and not low <= where.node <= high:
            found.append(f"node {where.node:g} nm lies outside {low:g} to {high:g} nm, where its scaling law holds")
        if scaling.max_clock is not None and where.clock > scaling.max_clock:
            found.append(f"clock {where.clock:g} Hz is above its largest, {scaling.max_clock:g} Hz")
        if bits is not None and scaling.bits is not None and not scaling.bits[0] <= bits <= scaling.bits[1]:
            found.append(f"{bits} bits lie outside {scaling.bits[0]} to {scaling.bits[1]}, where its scaling law holds")
        known = self.reference.bits
        if bits is not None and known is not None and scaling.bits is None and bits != known:
            found.append(f"its values are for {known} bits, and it has no law for {bits}")
        return found

    def values(self) -> dict[str, CostValue]:
        """Return all values by where they stand, such as ``energy.convert``."""
        found: dict[str, CostValue] = {f"energy.{action}": value for action, value in self.energy.items()}
        found |= {f"delay.{action}": value for action, value in self.delay.items()}
        single = {"area": self.area, "power": self.power}
        return found | {name: value for name, value in single.items() if value is not None}


Library = Mapping[str, Component]


@cache
def _shipped() -> dict[str, dict[str, Any]]:
    return {name: block for path in sorted(_FOLDER.glob("*.yaml")) for name, block in _blocks(path).items()}


def _blocks(path: Path) -> dict[str, dict[str, Any]]:
    """Return the blocks of the components in a file, by name."""
    content = read_yaml(path)
    version, components = content.pop(_VERSION, None), content.pop("components", None)
    if type(version) is not int or version != 1 or not isinstance(components, dict) or content:
        raise InputError(f"{path}: a library of components has the keys '{_VERSION}: 1' and 'components' alone")
    for name, block in components.items():
        if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) is None:
            raise InputError(f"{path}: components are called by small letters, digits and '_', found {describe(name)}")
        if not isinstance(block, dict):
            raise InputError(f"{path}: components.{name} must be a block of keys")
    return components


def load_library(own: Path | None = None) -> Library:
    """Return the components that come with memramp, with a user's own over them.

    Parameters
    ----------
    own : path or None
        File of further components; of those that there are already, it changes single keys. Actions are added.

    Raises
    ------
    InputError
        The file cannot be read, or a component is not complete.
    """
    found, where = dict(_shipped()), dict.fromkeys(_shipped(), "components")
    for name, block in {} if own is None else _blocks(own).items():
        found[name], where[name] = _merged(found.get(name, {}), block), str(own)
    return {name: validate(Component, block, f"{where[name]}: {name}") for name, block in found.items()}


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a component's block with another over it: values of actions are replaced as a whole."""
    merged = dict(base)
    for key, value in changes.items():
        inner = key in ("energy", "delay", "reference", "scaling") and isinstance(value, dict)
        merged[key] = {**merged.get(key, {}), **value} if inner else value
    return merged


def component_of(library: Library, name: str, wanted_by: str) -> Component:
    """Return a component.

    Raises
    ------
    InputError
        There is none of this name.
    """
    if name not in library:
        raise InputError(f"{wanted_by} needs the component '{name}', which the library does not have")
    return library[name]
