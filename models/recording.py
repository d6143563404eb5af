"""Recording what the converters of a network meet, so that levels can be placed for it."""

import numpy as np
from numpy.typing import NDArray

from memramp.models.checkpoint import Checkpoint
from memramp.models.float_network import gate_inputs
from memramp.models.keyword_set import KeywordSet
from memramp.peripherals.density import Recording, histogram

_CHUNK = 500  # clips at once: their pre-activations take 25 MB


def record_preactivations(checkpoint: Checkpoint, clips: KeywordSet) -> Recording:
    """Return the distributions of the pre-activations of a network's LSTM layer, in floating point.

    Parameters
    ----------
    checkpoint : Checkpoint
        The network.
    clips : KeywordSet
        What it listens to; take clips that it is not tested on.

    Returns
    -------
    Recording
        For the sigmoid those of the gates i, f, o, for tanh those of the gate g, over all clips and steps.

    Raises
    ------
    InputError
        The features are not those that the network was made for.
    """
    parts = [
        gate_inputs(checkpoint.normalise(clips.features[start : start + _CHUNK]), checkpoint.lstm)
        for start in range(0, len(clips), _CHUNK)
    ]
    i, f, g, o = np.split(np.concatenate(parts).astype(np.float32), 4, axis=2)
    samples: dict[str, list[NDArray[np.float32]]] = {"sigmoid": [i, f, o], "tanh": [g]}
    return Recording(
        network=f"{checkpoint.config.get('name', 'unnamed network')}, LSTM",
        data=clips.description,
        functions={name: histogram(np.concatenate(gates)) for name, gates in samples.items()},
    )
