"""The ``readback`` block of a configuration: measured conductances in place of drawn programming noise."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import model_validator

from memramp.config import StrictModel
from memramp.crossbar import WeightReadback, WeightTable, load_weight_table, read_back_weights
from memramp.peripherals import RampTable, Readback, load_table, read_back


class MeasuredFiles(StrictModel):
    """What was programmed, and what was measured. Paths are relative to the folder of the command."""

    table: Path
    """Programming table."""

    measured: Path
    """Read-back of the devices in that table."""


class ReadbackConfig(StrictModel):
    """Which parts of a network are as they were measured; programming noise is drawn for the other one only.

    Read noise is drawn for both, since it belongs to the read.
    """

    ramps: MeasuredFiles | None = None
    """Table of `memramp.peripherals.save_table` with the ramps ``sigmoid`` and ``tanh``; none is calibrated further."""

    weights: MeasuredFiles | None = None
    """Table of `memramp.crossbar.save_weight_table` with the array ``lstm`` and, for an analog read-out, ``dense``."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.ramps is None and self.weights is None:
            raise ValueError("give ramps, weights or both, found neither")
        return self

    def load(self) -> "MeasuredNetwork":
        """Read the files.

        Raises
        ------
        InputError
            A file that is missing, damaged, or does not fit its table.
        """
        ramps, weights = self.ramps, self.weights
        ramp_table = None if ramps is None else load_table(ramps.table)
        weight_table = None if weights is None else load_weight_table(weights.table)
        return MeasuredNetwork(
            config=self,
            ramp_table=ramp_table,
            ramps=None if ramps is None or ramp_table is None else read_back(ramps.measured, ramp_table),
            weight_table=weight_table,
            weights=None
            if weights is None or weight_table is None
            else read_back_weights(weights.measured, weight_table),
        )


@dataclass(frozen=True, eq=False)
class MeasuredNetwork:
    """Tables and read-backs of a network's devices; None where a part was not measured."""

    config: ReadbackConfig
    """Where they were read from."""

    ramp_table: RampTable | None = None
    ramps: Readback | None = None
    weight_table: WeightTable | None = None
    weights: WeightReadback | None = None

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the tables (as they carry it) and of the read-backs, for the record."""
        found: dict[str, str] = {}
        for name, table, measured in (
            ("ramps", self.ramp_table, self.ramps),
            ("weights", self.weight_table, self.weights),
        ):
            if table is not None and measured is not None:
                found |= {f"{name}.table": table.checksum, f"{name}.measured": measured.digest}
        return found
