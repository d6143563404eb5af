"""What a network consists of: layers that each take what the one before gives."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.peripherals.functions import FUNCTIONS

Size = Annotated[int, Field(strict=True, ge=1, le=65_536)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Cell = Literal["lstm", "gru", "rnn"]
Nonlinearity = Literal["tanh", "relu"]
Reset = Literal["after", "before"]

MAX_LAYERS = 64

GATES: dict[Cell, tuple[str, ...]] = {"lstm": ("i", "f", "g", "o"), "gru": ("r", "z", "n"), "rnn": ("h",)}
"""Order of the gates' column blocks: input, forget, candidate, output; reset, update, candidate; the state itself."""


class EmbeddingSpec(StrictModel):
    """A table of vectors, one of which is looked up for each symbol; digital."""

    kind: Literal["embedding"] = "embedding"
    name: Name = "embedding"
    symbols: Size
    outputs: Size

    @property
    def inputs(self) -> int:
        """A symbol is one number."""
        return 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the layer's tensors."""
        return {f"{self.name}.weight": (self.symbols, self.outputs)}


class RecurrentSpec(StrictModel):
    """A recurrent layer of one or two directions."""

    kind: Cell
    name: Name
    inputs: Size
    hidden: Size

    projection: Size | None = None
    """Outputs of the matrix that makes the recurrent state of o tanh(c); None: without one (``lstm``)."""

    bidirectional: bool = False
    """Whether a second set of weights reads the sequence from its end; the outputs of both stand side by side."""

    nonlinearity: Nonlinearity = "tanh"
    """Function of the state (``rnn``)."""

    reset: Reset = "after"
    """Whether the reset gate of a ``gru`` multiplies the hidden states before they meet their weights (Cho et al.
    2014), or the product and its bias after that, as in PyTorch."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for key, cell in (("projection", "lstm"), ("nonlinearity", "rnn"), ("reset", "gru")):
            if getattr(self, key) != type(self).model_fields[key].default and self.kind != cell:
                raise ValueError(f"{key} belongs to kind '{cell}', found kind '{self.kind}'")
        if self.projection is not None and self.projection >= self.hidden:
            raise ValueError(f"projection must be smaller than hidden, found {self.projection} and {self.hidden}")
        return self

    @property
    def state(self) -> int:
        """Width of the recurrent state of one direction."""
        return self.projection or self.hidden

    @property
    def outputs(self) -> int:
        """Width of what the layer gives at each step."""
        return self.state * (2 if self.bidirectional else 1)

    @property
    def columns(self) -> int:
        """Number of columns of the gates."""
        return len(GATES[self.kind]) * self.hidden

    @property
    def directions(self) -> tuple[str, ...]:
        """Names under which the tensors of each direction are kept."""
        return (self.name, f"{self.name}.reverse") if self.bidirectional else (self.name,)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the layer's tensors."""
        found: dict[str, tuple[int, ...]] = {}
        for name in self.directions:
            found[f"{name}.weight_x"] = (self.inputs, self.columns)
            found[f"{name}.weight_h"] = (self.state, self.columns)
            found[f"{name}.bias"] = (self.columns,)
            if self.kind == "gru" and self.reset == "after":
                found[f"{name}.bias_h"] = (self.hidden,)
            if self.projection is not None:
                found[f"{name}.projection"] = (self.hidden, self.projection)
        return found


class DenseSpec(StrictModel):
    """A dense layer; its outputs are the scores of classes or symbols."""

    kind: Literal["dense"] = "dense"
    name: Name = "dense"
    inputs: Size
    outputs: Size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the layer's tensors."""
        return {f"{self.name}.weight": (self.inputs, self.outputs), f"{self.name}.bias": (self.outputs,)}


LayerSpec = Annotated[EmbeddingSpec | RecurrentSpec | DenseSpec, Field(discriminator="kind")]


def _is_reserved(name: str) -> bool:
    """Return whether a name is that of the read-out, of a part of a layer, or of a converter: these have streams."""
    own = ("dense", "embedding", "gates", "candidate", "candidate_x", "candidate_h", "projection", *FUNCTIONS)
    return any(name == known or name.startswith(f"{known}_") for known in own)


class NetworkSpec(StrictModel):
    """Layers in the order of the data: perhaps an embedding, recurrent layers, dense layer."""

    layers: Annotated[tuple[LayerSpec, ...], Field(min_length=1, max_length=MAX_LAYERS)]

    read: Literal["last", "all"] = "last"
    """Which steps of the last recurrent layer the dense layer reads: the last one (of the reverse direction: the one
    that it comes to last), or every one."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [layer.name for layer in self.layers]
        if taken := [layer.name for layer in self.layers if layer.kind in GATES and _is_reserved(layer.name)]:
            raise ValueError(f"a recurrent layer cannot be called '{taken[0]}', which names something else on a chip")
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two layers have the name '{twice[0]}'")
        kinds = [layer.kind for layer in self.layers]
        cells = [kind for kind in kinds if kind in GATES]
        expected = [*(["embedding"] if kinds[0] == "embedding" else []), *cells, "dense"]
        if not cells or kinds != expected:
            raise ValueError(f"layers must be an optional embedding, recurrent layers, a dense layer, found {kinds}")
        for before, after in pairwise(self.layers):
            if before.outputs != after.inputs:
                raise ValueError(
                    f"layer '{after.name}' takes {after.inputs} inputs, but '{before.name}' gives {before.outputs}"
                )
        return self

    @property
    def embedding(self) -> EmbeddingSpec | None:
        """The embedding, if there is one."""
        first = self.layers[0]
        return first if isinstance(first, EmbeddingSpec) else None

    @property
    def recurrent(self) -> tuple[RecurrentSpec, ...]:
        """The recurrent layers."""
        return tuple(layer for layer in self.layers if isinstance(layer, RecurrentSpec))

    @property
    def dense(self) -> DenseSpec:
        """The dense layer."""
        last = self.layers[-1]
        assert isinstance(last, DenseSpec)
        return last

    @property
    def inputs(self) -> int:
        """Features of a step of the first recurrent layer."""
        return self.recurrent[0].inputs

    @property
    def outputs(self) -> int:
        """Number of classes or symbols."""
        return self.dense.outputs

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all tensors, by name."""
        return {name: shape for layer in self.layers for name, shape in layer.shapes().items()}

    def directions(self) -> Iterator[tuple[RecurrentSpec, str]]:
        """Yield each direction of each recurrent layer with the name of its tensors."""
        for layer in self.recurrent:
            for name in layer.directions:
                yield layer, name


def keyword_spec(inputs: int, hidden: int, classes: int) -> NetworkSpec:
    """Return an LSTM whose last state is read by a dense layer."""
    return stacked_spec("lstm", inputs, (hidden,), classes)


def stacked_spec(
    cell: Cell,
    inputs: int,
    hidden: tuple[int, ...],
    outputs: int,
    *,
    projection: int | None = None,
    bidirectional: bool = False,
    symbols: int | None = None,
    read: Literal["last", "all"] = "last",
) -> NetworkSpec:
    """Return recurrent layers of one kind and a dense layer, behind an embedding where `symbols` is given.

    The layers are called after their cell: ``lstm``, ``lstm2``, ...
    """
    layers: list[EmbeddingSpec | RecurrentSpec | DenseSpec] = []
    if symbols is not None:
        layers.append(EmbeddingSpec(symbols=symbols, outputs=inputs))
    for number, units in enumerate(hidden, start=1):
        name = cell if number == 1 else f"{cell}{number}"
        layer = RecurrentSpec(
            kind=cell, name=name, inputs=inputs, hidden=units, projection=projection, bidirectional=bidirectional
        )
        layers.append(layer)
        inputs = layer.outputs
    return NetworkSpec(layers=(*layers, DenseSpec(inputs=inputs, outputs=outputs)), read=read)
