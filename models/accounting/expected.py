"""The workload that a network's shape and average inputs and conductances make, without any data."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from memramp.crossbar.mapping import device_shapes, tiling_of
from memramp.errors import InputError
from memramp.models.accounting.workload import (
    AverageConfig,
    ConversionWork,
    DigitalWork,
    LayerWork,
    MatrixWork,
    WidthConfig,
    Workload,
)
from memramp.models.gates import ConverterGroup, converter_groups
from memramp.models.hardware import HardwareConfig
from memramp.models.spec import NetworkSpec, RecurrentSpec
from memramp.peripherals import design_converter

_LINEAR = "identity"


@dataclass(frozen=True)
class Expectation:
    """Counts the work of a network of which no data is read.

    Parameters
    ----------
    hardware : HardwareConfig
        Mapping, drivers, converters, circuit.
    average : AverageConfig
        Inputs and conductances.
    widths : WidthConfig
        Digital units.
    """

    hardware: HardwareConfig
    average: AverageConfig = field(default_factory=AverageConfig)
    widths: WidthConfig = field(default_factory=WidthConfig)

    def workload(self, network: NetworkSpec, steps: float, sequences: float = 1.0) -> Workload:
        """Return the work of some sequences of `steps` steps each."""
        total = steps * sequences
        layers = [self.direction(layer, name, total) for layer, name in network.directions()]
        reads = total if network.read == "all" else sequences
        layers.append(self._dense(network, reads))
        if network.embedding is not None:
            layers.insert(0, self._embedding(network, total))
        return Workload(tuple(layers), sequences, total, simulated=False)

    def direction(self, layer: RecurrentSpec, name: str, steps: float) -> LayerWork:
        """Return the work of one direction of a recurrent layer."""
        parts = matrix_shapes(layer, self.hardware)
        matrices = tuple(self.matrix(f"{name}.{part}", *shape, reads=steps) for part, shape in parts.items())
        digital = _LayerDigital(layer, self.hardware, self.widths).work(steps)
        return LayerWork(
            name, layer.hidden, steps, matrices, tuple(self._conversions(layer, parts, steps)), digital
        )  # fmt: skip

    def matrix(self, name: str, rows: int, outputs: int, bias_rows: int, *, reads: float) -> MatrixWork:
        """Return the reads of a matrix, its bias rows under a full pulse, the others under average ones."""
        config, circuit = self.hardware.crossbar, self.hardware.circuit
        shapes, tiling = device_shapes((rows, outputs), config), tiling_of((rows, outputs), config)
        if tiling.join == "digital":
            raise InputError("accounting knows no sums that are joined in digital ('tile.tall'); take 'charge'")
        bit_lines, copies = sum(columns for _, columns in shapes.values()), tiling.arrays / tiling.row_parts
        pulses, time, heat = self._pulse()
        power = self.hardware.reading.conditions.v_read**2 * self.average.conductance * 1e-6
        full = bias_rows * circuit.t_pulse
        inputs = rows - bias_rows
        return MatrixWork(
            name=name,
            rows=rows,
            bias_rows=bias_rows,
            outputs=outputs,
            devices=rows * bit_lines,
            bit_lines=bit_lines,
            row_parts=tiling.row_parts,
            arrays=tiling.arrays,
            reads=reads,
            pulses=reads * copies * (inputs * pulses + bias_rows),
            pulse_time=reads * copies * (inputs * time * circuit.t_pulse + full),
            energy=reads * bit_lines * power * (inputs * heat * circuit.t_pulse + full),
        )

    def _pulse(self) -> tuple[float, float, float]:
        """Return pulses of an average input, their length and their heating, both in full pulses.

        By voltage, heat goes with the square of inputs, taken as uniform about their mean, as far as 0..1 lets them;
        bit by bit, as large a part of the bits is taken to be one.
        """
        driver, size = self.hardware.input, self.average.pulse
        if driver.coding == "pulse_width":
            return 1.0, size, size
        if driver.coding == "amplitude":
            return 1.0, 1.0, size**2 + min(size, 1.0 - size) ** 2 / 3.0
        assert driver.bits is not None
        ones = size * (driver.bits - 1)
        return ones, ones, ones

    def _conversions(
        self, layer: RecurrentSpec, parts: dict[str, tuple[int, int, int]], steps: float
    ) -> Iterator[ConversionWork]:
        hardware = self.hardware
        for group in converter_groups(layer, hardware.activation, hardware.gates, hardware.tanh_c):
            config = group.activation
            bits = hardware.linear_adc.bits if config is None else config.bits
            columns, clocks = layer.hidden * len(group.gates), 2**bits
            if config is not None and config.kind == "nladc":
                clocks = design_converter(config, group.function, hardware.design_device).ramp.size + 1  # its start
            function = _LINEAR if config is None else group.function  # digital gates want the sums themselves
            yield ConversionWork(group.name, function, bits, columns, steps, steps * clocks)
        for part in ("candidate_x", "candidate_h", "projection"):
            if part in parts:
                bits = hardware.linear_adc.bits
                yield ConversionWork(part, _LINEAR, bits, parts[part][1], steps, steps * 2**bits)

    def _dense(self, network: NetworkSpec, reads: float) -> LayerWork:
        dense, widths = network.dense, self.widths
        if self.hardware.readout == "analog":  # whose largest output wins, without a conversion
            matrix = self.matrix(dense.name, dense.inputs + 1, dense.outputs, 1, reads=reads)
            return LayerWork(dense.name, dense.outputs, reads, (matrix,), (), DigitalWork())
        return LayerWork(dense.name, dense.outputs, reads, (), (), _product(dense.inputs, dense.outputs, reads, widths))

    def _embedding(self, network: NetworkSpec, steps: float) -> LayerWork:
        table = network.embedding
        assert table is not None
        bits = table.outputs * self.widths.weight
        work = DigitalWork(memory_reads=steps * bits, memory=float(table.symbols * bits))
        return LayerWork(table.name, table.outputs, steps, (), (), work)


def matrix_shapes(layer: RecurrentSpec, hardware: HardwareConfig) -> dict[str, tuple[int, int, int]]:
    """Return rows, outputs and bias rows of each matrix of a direction; see `memramp.models.network_arrays`."""
    rows, hidden = layer.inputs + layer.state + 1, layer.hidden
    if layer.kind != "gru":
        found = {"gates": (rows, layer.columns, 1)}
        if layer.projection is not None and hardware.projection == "analog":
            found["projection"] = (hidden, layer.projection, 0)
        return found
    found = {"gates": (rows, 2 * hidden, 1)}
    if layer.reset == "before":
        return found | {"candidate": (rows, hidden, 1)}
    return found | {"candidate_x": (layer.inputs + 1, hidden, 1), "candidate_h": (layer.state + 1, hidden, 1)}


def _product(rows: int, columns: int, reads: float, widths: WidthConfig) -> DigitalWork:
    """Return the work of a digital product of a vector with a matrix that lies in a memory."""
    macs, bits = reads * rows * columns, float(rows * columns * widths.weight)
    return DigitalWork(
        multiply={widths.weight: macs}, add={widths.state: macs}, macs=macs, memory_reads=reads * bits, memory=bits,
        moved=reads * rows * widths.value,
    )  # fmt: skip


@dataclass(frozen=True)
class _LayerDigital:
    """Digital work of a cell's update: of each hidden unit and step."""

    layer: RecurrentSpec
    hardware: HardwareConfig
    widths: WidthConfig

    def work(self, steps: float) -> DigitalWork:
        """Return what all steps take."""
        layer, widths, times = self.layer, self.widths, steps * self.layer.hidden
        multiply, add, functions = self._of_unit()
        states = layer.state * widths.value + (layer.hidden * self._register if layer.kind == "lstm" else 0)
        moved = layer.inputs * widths.value + layer.state * widths.value + self._codes() + self._further()
        found = DigitalWork(
            multiply={bits: times * count for bits, count in multiply.items()},
            add={bits: times * count for bits, count in add.items()},
            functions={name: times * count for name, count in functions.items()},
            register_writes=steps * states,
            registers=float(states),
            moved=steps * moved,
        )
        if layer.projection is None or self.hardware.projection == "analog":
            return found
        return joined(found, _product(layer.hidden, layer.projection, steps, widths))

    @cached_property
    def _groups(self) -> tuple[ConverterGroup, ...]:
        return converter_groups(self.layer, self.hardware.activation, self.hardware.gates, self.hardware.tanh_c)

    @property
    def _register(self) -> int:
        return self.hardware.state.bits or self.widths.state

    def _codes(self) -> int:
        """Return the bits of the gates' codes of a step."""
        linear = self.hardware.linear_adc.bits
        bits = sum((linear if g.activation is None else g.activation.bits) * len(g.gates) for g in self._groups)
        if self.layer.kind == "gru" and self.layer.reset == "after":
            bits += 2 * linear
        return self.layer.hidden * bits

    def _further(self) -> int:
        """Return the bits of a step's second read: of an analog projection, or of a candidate of its own."""
        layer, value = self.layer, self.widths.value
        if layer.projection is not None and self.hardware.projection == "analog":
            return layer.hidden * value + layer.projection * self.hardware.linear_adc.bits
        apart = layer.kind == "gru" and layer.reset == "before"
        return (layer.inputs + layer.state) * value if apart else 0

    def _of_unit(self) -> tuple[Counter[int], Counter[int], Counter[str]]:
        """Return multiplications and additions by width, and functions, of a hidden unit."""
        value, state, digital = self.widths.value, self._register, self._digital_gates()
        if self.layer.kind == "lstm":  # f c + i g, o tanh(c)
            tanh = Counter({"tanh": 1}) if self.hardware.tanh_c == "digital" else Counter()
            return Counter({state: 1}) + Counter({value: 2}), Counter({state: 1}), digital + tanh
        if self.layer.kind == "gru":  # (1 - z) n + z h, and r h, or x + r h and its tanh
            after = self.layer.reset == "after"
            tanh = Counter({"tanh": 1}) if after else Counter()
            return Counter({value: 3}), Counter({value: 2}) + Counter({value: int(after)}), digital + tanh
        return Counter(), Counter(), digital

    def _digital_gates(self) -> Counter[str]:
        """Return the functions of gates that have no converter."""
        found: Counter[str] = Counter()
        for group in self._groups:
            if group.activation is None:
                found[group.function] += len(group.gates)
        return found


def joined(one: DigitalWork, other: DigitalWork) -> DigitalWork:
    """Return the work of both."""
    return DigitalWork(
        multiply=Counter(one.multiply) + Counter(other.multiply),
        add=Counter(one.add) + Counter(other.add),
        functions=Counter(one.functions) + Counter(other.functions),
        **{
            name: getattr(one, name) + getattr(other, name)
            for name in ("macs", "register_writes", "registers", "memory_reads", "memory", "moved")
        },
    )
