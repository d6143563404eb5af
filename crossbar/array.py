"""A programmed array and its noisy matrix-vector product."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.crossbar import kernels
from memramp.crossbar.mapping import REFERENCE, CrossbarConfig, Devices, Mapped
from memramp.crossbar.output_noise import Fluctuations, OutputNoise
from memramp.crossbar.tiling import Tiling
from memramp.devices import Device
from memramp.devices.noise import FloatArray
from memramp.streams import check_counters

FloatMatrix = NDArray[np.float32]

_REACH = 4.0  # standard deviations of partial sums that their converter covers by default


@dataclass(frozen=True, eq=False)
class ProgrammedArray:
    """A matrix of weights after programming: what its devices hold, and what a read of it does.

    Rows are word lines (inputs) and columns bit lines (outputs); all matrices are [rows, cols].
    """

    devices: Devices
    """Conductances by plane of devices, see `memramp.crossbar.mapping.Plane` [uS]."""

    fluctuations: Fluctuations
    """What they do between reads, by plane."""

    w_eff: FloatMatrix
    """The weights that the devices really stand for [weight units]."""

    noise: kernels.ReadNoise
    """What a read adds."""

    mapped: Mapped
    """What was to be programmed."""

    tiling: Tiling
    """How the matrix lies in physical arrays."""

    device: Device
    """The device that was programmed."""

    config: CrossbarConfig
    """The mapping that was used."""

    @classmethod
    def of(
        cls,
        devices: Devices,
        fluctuations: Fluctuations,
        weights: FloatArray,
        noise: OutputNoise,
        mapped: Mapped,
        tiling: Tiling,
        config: CrossbarConfig,
        device: Device,
    ) -> "ProgrammedArray":
        """Return the array of given devices, made ready for the kernels."""
        return cls(
            devices=devices,
            fluctuations=fluctuations,
            w_eff=weights.astype(np.float32),
            noise=kernel_noise(noise, mapped, tiling),
            mapped=mapped,
            tiling=tiling,
            device=device,
            config=config,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        rows, cols = self.w_eff.shape
        return rows, cols

    @property
    def g_pos(self) -> FloatArray:
        """Conductances of the positive devices (``differential``) [uS]."""
        return self.devices["pos"]

    @property
    def g_neg(self) -> FloatArray:
        """Conductances of the negative devices (``differential``) [uS]."""
        return self.devices["neg"]
