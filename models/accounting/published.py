"""Published chips and designs, to be set beside what a simulation tells."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from memramp.config import StrictModel, parse_yaml, validate
from memramp.models.accounting.components import Nanometres

_Positive = Annotated[float, Field(gt=0)]


class PublishedChip(StrictModel):
    """One entry; 1 MAC counts as 2 operations."""

    name: str
    node: Nanometres
    """Technology node [nm]."""

    kind: Literal["measured", "simulated"]
    boundary: Literal["macro", "core", "chip", "system"]
    """What is in the numbers: two of them cannot be compared without it."""

    tops: _Positive | None = None
    """10^12 operations a second."""

    tops_per_watt: _Positive | None = None
    tops_per_mm2: _Positive | None = None
    note: str = ""
    source: Annotated[str, Field(min_length=8)]


class _Published(StrictModel):
    chips: list[PublishedChip]


def published_chips() -> list[PublishedChip]:
    """Return what comes with memramp."""
    path = Path(__file__).resolve().parent / "published.yaml"
    chips = parse_yaml(path.read_text(encoding="utf-8"), path.name)
    return validate(_Published, {"chips": chips}, path.name).chips
