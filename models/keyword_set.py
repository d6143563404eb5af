"""The form in which every keyword-spotting data set reaches a network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class KeywordSet:
    """Labelled features.

    Attributes
    ----------
    features : float32 array [n, 49, 40]
        Frames x cepstral coefficients, not normalised; see `memramp.models.features.mfcc`.
    labels : int64 array [n]
        Indices into `classes`.
    classes : tuple of str
        "silence", "unknown" and the ten keywords.
    description : str
        What this is, fit for a table's caption.
    sha256 : str
        Hash of the data behind the features (samples or stored integers) and of the labels.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    description: str
    sha256: str

    def __len__(self) -> int:
        return len(self.labels)
