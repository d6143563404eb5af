"""The look that the figures of a ramp experiment share."""

from textwrap import shorten
from typing import Any

from memramp.peripherals import RampDesign

# Colours of Okabe and Ito, told apart by colour-blind readers as well; the ideal lies behind as a broad grey line.
BEFORE_COLOUR, AFTER_COLOUR = "#D55E00", "#0072B2"  # calibration
LOW_COLOUR, HIGH_COLOUR = "#009E73", "#CC79A7"  # read voltages
LIMIT_COLOUR = "#4D4D4D"
IDEAL_LINE: dict[str, Any] = {"color": "black", "lw": 2.5, "alpha": 0.35}
SUPTITLE: dict[str, Any] = {"fontsize": "medium", "parse_math": False}


def title_of(design: RampDesign, about: str, further: str = "") -> str:
    """Return the title of a figure: the ramp, and below it the devices and their errors."""
    name = shorten(design.function.name, 60, placeholder="...")
    first = f"{design.bits}-bit {name} ramp, levels '{design.levels.kind}'{further}"
    return f"{first}\n{about}" if about else first
