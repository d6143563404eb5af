"""Stuck devices of arrays, as they were found on a chip."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from memramp.config import describe
from memramp.crossbar.mapping import CrossbarConfig, device_shapes
from memramp.csvfile import parse_csv
from memramp.devices import FaultMask
from memramp.devices.faults import no_faults, put_fault, state_of
from memramp.errors import InputError
from memramp.files import read_limited
from memramp.measured import whole_number

_COLUMNS = ("array", "row", "column", "device", "state")
_MAX_BYTES = 64_000_000
_Place = tuple[str, int, int]


@dataclass(frozen=True, eq=False)
class ArrayFaults:
    """What a fault file says; made by `load_array_faults`."""

    path: Path
    """Where it was read from."""

    found: dict[str, dict[_Place, tuple[int, str | float]]]
    """Line and state of each stuck device, by array and (device, row, column)."""

    digest: str = ""
    """SHA-256 of the file."""

    def masks(self, name: str, shape: tuple[int, int], config: CrossbarConfig) -> dict[str, FaultMask]:
        """Return the faults of an array's planes of devices; planes without any are left out.

        Parameters
        ----------
        name : str
            Array.
        shape : tuple of int
            Numbers of rows and outputs.
        config : CrossbarConfig
            Mapping: says which devices there are.

        Raises
        ------
        InputError
            A device that the array does not have.
        """
        shapes = device_shapes(shape, config)
        masks: dict[str, FaultMask] = {}
        for (plane, row, column), (line, state) in self.found.get(name, {}).items():
            at = f"{self.path}, line {line}"
            if plane not in shapes:
                raise InputError(f"{at}: devices of this mapping are {', '.join(shapes)}, found {describe(plane)}")
            rows, columns = shapes[plane]
            if row >= rows or column >= columns:
                ends = f"rows 0..{rows - 1} and columns 0..{columns - 1} of {plane}"
                raise InputError(f"{at}: the array {name} has {ends}, found row {row}, column {column}")
            put_fault(masks.setdefault(plane, no_faults(shapes[plane])), (row, column), state)
        return masks

    def check_names(self, names: Iterable[str]) -> None:
        """Check that there are no other arrays than these.

        Raises
        ------
        InputError
            Names the first other one.
        """
        allowed = list(names)
        for name, places in self.found.items():
            if name not in allowed:
                line = next(iter(places.values()))[0]
                found = f"found {describe(name)}"
                raise InputError(f"{self.path}, line {line}: the arrays are {', '.join(allowed)}, {found}")


def load_array_faults(path: Path) -> ArrayFaults:
    """Read measured faults: a CSV file with the columns ``array,row,column,device,state``, a row a stuck device.

    Parameters
    ----------
    path : Path
        Rows and columns count from 0. `device` is the plane, see `memramp.crossbar.mapping.Plane`; `state` is
        ``stuck_off`` (at g_min), ``stuck_on`` (at g_max), or the conductance at which the device stays [uS].

    Raises
    ------
    InputError
        Names file and line, what was found and what is allowed.
    """
    content = read_limited(path, _MAX_BYTES)
    found: dict[str, dict[_Place, tuple[int, str | float]]] = {}
    for line, cells in parse_csv(content, str(path), _COLUMNS).rows:
        at = f"{path}, line {line}"
        place = (cells["device"], whole_number(cells, "row", at), whole_number(cells, "column", at))
        devices = found.setdefault(cells["array"], {})
        if place in devices:
            raise InputError(f"{at}: this device stands in line {devices[place][0]} already")
        devices[place] = (line, state_of(cells, at))
    return ArrayFaults(path, found, sha256(content).hexdigest())
