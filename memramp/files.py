"""Files that are either whole or not there."""

import json
import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
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
