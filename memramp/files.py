"""Files: read with a limit, written whole or not at all."""

import json
import os
from pathlib import Path
from secrets import token_hex

from memramp.errors import InputError


def read_limited(path: Path, most: int) -> bytes:
    """Read a regular file of at most `most` bytes.

    Raises
    ------
    InputError
        It is missing, unreadable, larger, or no regular file: a device would never end, a pipe might never begin.
    """
    if "\0" in str(path):
        raise InputError(f"{str(path)!r}: no name that a file can have")
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is {'a directory' if path.is_dir() else 'a device or pipe'}, not a file")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if len(content) > most:
        raise InputError(f"{path}: too large (more than {most} bytes)")
    return content


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and move it into place, so that it is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{token_hex(4)}")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name with nothing in it
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def in_fixed_order(content: bytes) -> bytes:
    """Return a safetensors file with its metadata sorted.

    The library writes the metadata in random order; sorted, equal contents have equal bytes and so equal hashes.

    Parameters
    ----------
    content : bytes
        As the library's ``save`` returns it: 8 bytes with the header's length, a JSON header, the tensors.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the tensors start at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[8 + length :]
