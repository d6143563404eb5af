"""The recurrent layers of torch.nn.

Their gates are stacked in the rows of ``weight_ih`` [gates hidden, inputs] and ``weight_hh`` [gates hidden, state]:
i, f, g, o of an LSTM; r, z, n of a GRU. An LSTM with a projection has ``weight_hr`` [state, hidden]. Each gate has two
biases, ``bias_ih`` and ``bias_hh``, which are added, except those of a GRU's candidate:
n = tanh(W x + b_ih + r (U h + b_hh)). Source: torch.nn.LSTM, GRU, RNN in PyTorch's documentation.
"""

import re

import numpy as np

from memramp.errors import InputError
from memramp.models.import_parts import Floats, as_float32, shaped, transposed
from memramp.models.spec import GATES, Cell
from memramp.models.weights import CellWeights

PART = re.compile(
    r"(?:(?P<module>.*)\.)?(?P<part>weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)(?:_l(?P<layer>[0-9]{1,4}))?"
    r"(?P<reverse>_reverse)?",
    re.DOTALL,
)
"""Names of the tensors of a recurrent module."""

_CELLS: dict[int, Cell] = {len(gates): cell for cell, gates in GATES.items()}


def cell_of_torch(parts: dict[str, Floats], shown: str) -> tuple[Cell, CellWeights]:
    """Return one direction of a layer of torch.nn: what it is, and its weights.

    Parameters
    ----------
    parts : dict of str to ndarray
        ``weight_ih``, ``weight_hh`` and, where they are there, ``weight_hr``, ``bias_ih``, ``bias_hh``.
    shown : str
        File and module, for messages.

    Raises
    ------
    InputError
        A weight is missing, or the shapes are those of no cell.
    """
    for part in ("weight_ih", "weight_hh"):
        if part not in parts:
            raise InputError(f"{shown} has no {part}")
        if parts[part].ndim != 2:
            raise InputError(f"{shown}: {part} must have two dimensions, found shape {shaped(parts[part])}")
    w, u, projection = parts["weight_ih"], parts["weight_hh"], parts.get("weight_hr")
    if projection is not None and (projection.ndim != 2 or projection.shape[0] != u.shape[1]):
        raise InputError(f"{shown}: weight_hr must have shape [{u.shape[1]}, hidden], found {shaped(projection)}")
    hidden = u.shape[1] if projection is None else projection.shape[1]
    gates, rest = divmod(len(w), max(hidden, 1))
    kind = _CELLS.get(gates)
    if kind is None or rest or len(u) != len(w) or w.shape[1] == 0:
        raise InputError(
            f"{shown}: weight_ih {shaped(w)} and weight_hh {shaped(u)} with {hidden} hidden units fit no cell: both "
            "need 4 (lstm), 3 (gru) or 1 (rnn) times as many rows"
        )
    if projection is not None and kind != "lstm":
        raise InputError(f"{shown}: weight_hr belongs to an lstm, the shapes are those of {kind}")
    bias, bias_h = _biases(parts, kind, hidden, shown)
    down = None if projection is None else transposed(projection)
    return kind, CellWeights(transposed(w), transposed(u), bias, down, bias_h)


def _biases(parts: dict[str, Floats], kind: Cell, hidden: int, shown: str) -> tuple[Floats, Floats | None]:
    rows = len(parts["weight_ih"])
    both = [parts.get(part, np.zeros(rows, np.float32)) for part in ("bias_ih", "bias_hh")]
    for part, bias in zip(("bias_ih", "bias_hh"), both, strict=True):
        if bias.shape != (rows,):
            raise InputError(f"{shown}: {part} must have shape [{rows}], found {shaped(bias)}")
    inner, outer = both[1].astype(np.float64), both[0].astype(np.float64)
    if kind != "gru":
        return as_float32(outer + inner, f"{shown}: bias_ih + bias_hh"), None
    outer[: 2 * hidden] += inner[: 2 * hidden]
    return as_float32(outer, f"{shown}: bias_ih + bias_hh"), both[1][2 * hidden :].copy()
