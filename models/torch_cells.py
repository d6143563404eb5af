"""GRU and RNN layers in the training graph, step by step (extra ``train``)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from memramp.models.spec import RecurrentSpec
from memramp.models.torch_draw import CellDraw, HardwareDraw
from memramp.models.torch_exact import exact_product, exact_tanh, mixed, with_bias
from memramp.models.torch_quantise import quantise, written
from memramp.models.torch_scalars import LayerScalars


@dataclass(frozen=True)
class StepCell:
    """One direction of a layer, in floating point or through a draw; see `memramp.models.analog_cell`."""

    layer: RecurrentSpec
    weights: Mapping[str, Tensor]
    """``weight_x``, ``weight_h``, ``bias`` and, for some GRUs, ``bias_h``."""

    cell: CellDraw | None
    draw: HardwareDraw | None
    generator: torch.Generator | None
    scalars: LayerScalars | None
    """Of a layer through a draw."""

    def sequence(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run inputs [steps, batch, inputs]; returns the states and where it ends."""
        h, c = state
        step = self._gru if self.layer.kind == "gru" else self._rnn
        arrays = {} if self.cell is None else self._written()
        states = []
        for inputs in self._driven(x, 0).unbind(0):
            h = step(inputs, h, arrays)
            states.append(h)
        return torch.stack(states), (h, c)

    def _rnn(self, x: Tensor, h: Tensor, arrays: dict[str, Tensor]) -> Tensor:
        if self.cell is not None:
            return self._converted(self._read("gates", torch.cat([x, self._driven(h, 1)], dim=1), arrays))
        pre = x @ self.weights["weight_x"] + h @ self.weights["weight_h"] + self.weights["bias"]
        return torch.tanh(pre) if self.layer.nonlinearity == "tanh" else torch.relu(pre)

    def _gru(self, x: Tensor, h: Tensor, arrays: dict[str, Tensor]) -> Tensor:
        if self.cell is not None:
            return self._analog_gru(x, h, arrays)
        cut, own = 2 * self.layer.hidden, self.weights
        from_x = x @ own["weight_x"] + own["bias"]
        r, z = torch.sigmoid(from_x[:, :cut] + h @ own["weight_h"][:, :cut]).chunk(2, dim=1)
        if self.layer.reset == "before":
            inner = (r * h) @ own["weight_h"][:, cut:]
        else:
            inner = r * (h @ own["weight_h"][:, cut:] + own["bias_h"])
        n = torch.tanh(from_x[:, cut:] + inner)
        return (1 - z) * n + z * h

    def _analog_gru(self, x: Tensor, h: Tensor, arrays: dict[str, Tensor]) -> Tensor:
        assert self.cell is not None
        pulses = self._driven(h, 1)
        r, z = self._converted(self._read("gates", torch.cat([x, pulses], dim=1), arrays), upto=2).chunk(2, dim=1)
        if self.layer.reset == "before":
            rows = torch.cat([x, self._rows(r * (h / self._units[1]))], dim=1)
            n = self.cell.gates[-1](self._read("candidate", rows, arrays), self.generator)
        else:
            halves = (("candidate_x", x), ("candidate_h", pulses))
            from_x, from_h = (
                self.cell.linear[name](self._read(name, rows, arrays), self.generator) for name, rows in halves
            )
            n = (exact_tanh if self.cell.exact else torch.tanh)(from_x + r * from_h)
        return mixed(1 - z.double(), n, z, h) if self.cell.exact else (1 - z) * n + z * h

    def _converted(self, pre: Tensor, upto: int | None = None) -> Tensor:
        assert self.cell is not None
        width = pre.shape[1] if upto is None else upto * self.layer.hidden
        gates = [gate for gate in self.cell.gates if gate.columns.stop <= width and gate.columns.start < width]
        if self.layer.kind == "gru" and self.layer.reset == "before":
            gates = gates[:-1]  # the last is the candidate's
        return torch.cat([gate(pre[:, gate.columns], self.generator) for gate in gates], dim=1)

    def _read(self, name: str, rows: Tensor, arrays: dict[str, Tensor]) -> Tensor:
        assert self.cell is not None
        noise = self.cell.arrays[name].noise(rows, self.generator)
        gain = None if self.scalars is None else self.scalars.gain
        sums = (
            exact_product(with_bias(rows), arrays[name])
            if self.cell.exact
            else rows @ arrays[name][:-1] + arrays[name][-1]
        )
        return sums + (noise if gain is None else gain * noise)

    def _driven(self, values: Tensor, which: int) -> Tensor:
        return values if self.cell is None else self._rows(values / self._units[which])

    @property
    def _units(self) -> tuple[Tensor, Tensor]:
        assert self.scalars is not None
        return self.scalars.units

    def _rows(self, values: Tensor) -> Tensor:
        assert self.draw is not None
        return quantise(values, self.draw.input_range, self.draw.input_levels)

    def _written(self) -> dict[str, Tensor]:
        """Return the realised weights of each array, with the gradient of those asked for."""
        assert self.cell is not None
        clip = None if self.scalars is None else self.scalars.clip
        return {name: written(self._asked(name), array.weights, clip) for name, array in self.cell.arrays.items()}

    def _asked(self, name: str) -> Tensor:
        assert self.cell is not None
        x, h = (self.weights[part] * unit for part, unit in zip(("weight_x", "weight_h"), self._units, strict=True))
        bias, cut = self.weights["bias"][None], 2 * self.layer.hidden
        if self.layer.kind == "rnn":
            return torch.cat([x, h, bias])
        if name == "gates":
            return torch.cat([x[:, :cut], h[:, :cut], bias[:, :cut]])
        if name == "candidate":
            return torch.cat([x[:, cut:], h[:, cut:], bias[:, cut:]])
        if name == "candidate_x":
            return torch.cat([x[:, cut:], bias[:, cut:]])
        return torch.cat([h[:, cut:], self.weights["bias_h"][None]])
