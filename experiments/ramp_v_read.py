"""How the codes of ramp columns move with the read voltage: their thresholds in the converter's own circuit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar import CrossbarConfig
from memramp.experiments.ramp_results import ColumnRow, Reference, VReadRow
from memramp.experiments.ramp_schema import IDEAL, VReadConfig
from memramp.peripherals import CircuitConfig, Converter, RampDesign, with_circuit
from memramp.peripherals.circuit import ComparatorConfig
from memramp.peripherals.environment import EnvironmentConfig
from memramp.peripherals.function import FloatArray
from memramp.peripherals.reference import Reference as ThresholdReference
from memramp.streams import Streams

_REFERENCES: tuple[Reference, ...] = ("tracking", "fixed")


def vary_v_read(
    rows: Sequence[ColumnRow], config: VReadConfig, calibration: str, streams: Streams
) -> list[VReadRow]:
    """Return how codes move with the read voltage, for the ideal ramps and for the calibrated columns of each block.

    Devices are ohmic, so that a read voltage of s times the nominal one scales the signal by s. A ramp that is made by
    the same voltage scales with it (``tracking``); a reference of its own stays where it is (``fixed``).

    Parameters
    ----------
    rows : sequence of ColumnRow
        As yielded by `memramp.experiments.ramp_runner.evaluate`.
    config : VReadConfig
        Read voltages and inputs.
    calibration : str
        Name of the calibration whose columns are taken.
    streams : Streams
        Source of the comparators' offsets; one comparator for each input of each column.
    """
    taken = [row for row in rows if row.block == IDEAL or row.calibration == calibration]
    found = []
    for group in dict.fromkeys((row.function, row.block) for row in taken):
        columns = [row for row in taken if (row.function, row.block) == group]
        for reference in _REFERENCES:
            nominal = _codes(columns, reference, config.nominal, config, streams)
            for v_read in config.values:
                shift = np.abs(_codes(columns, reference, v_read, config, streams) - nominal)
                found.append(_row(columns[0], reference, v_read, shift))
    return found


def converter_at(
    design: RampDesign,
    thresholds: FloatArray,
    reference: Reference,
    v_read: float,
    circuit: CircuitConfig,
    columns: int,
    rng: np.random.Generator,
) -> Converter:
    """Return the converter of a ramp at a read voltage.

    Parameters
    ----------
    design : RampDesign
        What the codes stand for.
    thresholds : ndarray, [K]
        The ramp's, at the read voltage of the circuit [pre-activation].
    reference : {"tracking", "fixed"}
        Whether the thresholds scale with the read voltage.
    v_read : float
        Read voltage [V].
    circuit : CircuitConfig
        Nominal read voltage, comparators.
    columns : int
        Number of columns, with a comparator each.
    rng : numpy.random.Generator
        Source of the comparators' offsets.
    """
    converter = Converter(
        function=design.function,
        base=thresholds.astype(np.float32),
        read_std=np.zeros(thresholds.size, np.float32),
        outputs=design.outputs.astype(np.float32),
        codes=design.levels.codes,
        reference=ThresholdReference(tracks=reference == "tracking"),
    )
    surroundings = EnvironmentConfig(v_read=v_read)
    return with_circuit(converter, circuit, CrossbarConfig().scale, columns=columns, rng=rng, environment=surroundings)


def _codes(
    columns: Sequence[ColumnRow], reference: Reference, v_read: float, config: VReadConfig, streams: Streams
) -> NDArray[np.int64]:
    """Return the codes of all inputs on all columns of a block, [columns, inputs]."""
    reach = config.range or columns[0].design.levels.range
    inputs = np.linspace(-reach, reach, config.points)
    circuit = CircuitConfig(v_read=config.nominal, comparator=ComparatorConfig(offset_std=config.offset_std))
    codes = np.empty((len(columns), inputs.size), np.int64)
    for row, into in zip(columns, codes, strict=True):
        rng = streams.generator("comparators", row.function, row.block, row.column or 0)
        placed = converter_at(row.design, row.thresholds, reference, v_read, circuit, inputs.size, rng)
        into[:] = placed.counter_reading(placed.convert(inputs[None])[0])
    return codes


def _row(first: ColumnRow, reference: Reference, v_read: float, shift: NDArray[np.int64]) -> VReadRow:
    return VReadRow(
        first.function,
        first.block,
        reference,
        v_read,
        inputs=shift.size,
        total=int(shift.sum()),
        largest=int(shift.max()),
        changed=int(np.count_nonzero(shift)),
    )
