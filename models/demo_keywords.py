"""The embedded demonstration set: synthetic spoken keywords, for runs without any data.

It is what ``tools/make_demo_keywords.py`` makes with a speech synthesiser: good for seeing a simulation work, no
measure of how well a network recognises people.
"""

import json
from hashlib import sha256
from importlib import resources
from typing import Literal

import numpy as np
from safetensors.numpy import load

from memramp.models.keyword_set import KeywordSet

DemoSplit = Literal["training", "selection", "testing"]


def load_demo_keywords(split: DemoSplit) -> KeywordSet:
    """Load one split of the embedded set; the synthetic speakers of the splits differ.

    Parameters
    ----------
    split : {"training", "selection", "testing"}
        108, 12 and 42 clips of each of the 12 classes.
    """
    content = (resources.files("memramp.models") / "data" / "demo_keywords.safetensors").read_bytes()
    tensors, about = load(content), _metadata(content)
    chosen = tensors["split"] == json.loads(about["splits"]).index(split)
    features = tensors["features"][chosen].astype(np.float32) * tensors["step"] + tensors["offset"]
    labels = tensors["labels"][chosen].astype(np.int64)
    return KeywordSet(
        features=features,
        labels=labels,
        classes=tuple(json.loads(about["classes"])),
        description=f"synthetic demonstration set, {split}, {len(labels)} clips",
        sha256=sha256(content).hexdigest(),
    )


def _metadata(content: bytes) -> dict[str, str]:
    # A safetensors file starts with the length of a JSON header, 8 bytes, little-endian.
    length = int.from_bytes(content[:8], "little")
    about: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return about
