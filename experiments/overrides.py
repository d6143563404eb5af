"""Dotted keys: what ``--set`` and a sweep change in the data of a YAML file before it is validated."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from memramp.config import describe, parse_yaml
from memramp.errors import InputError

_SWEEP = ("sweep", "over")


def apply_overrides(data: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a copy of a file's data with the ``key.path=value`` texts applied in their order.

    Values are YAML (``5 uS``, ``[3, 4]``, ``null``). A swept key is set by ``sweep.over.KEY=[...]``.

    Raises
    ------
    InputError
        A text that is no assignment, a value that is no YAML, a path that leads through something that is no block, or
        a key that the sweep varies. Unknown keys are left to the schema.
    """
    changed = deepcopy(data)
    for text in overrides:
        path, value = _assignment(text)
        set_key(changed, path, value, f"--set {text}")
    _refuse_swept(changed, overrides)
    return changed


def set_key(data: dict[str, Any], path: Sequence[str], value: Any, where: str) -> None:
    """Set a key in nested mappings, in place; missing blocks are made."""
    block = data
    for depth, name in enumerate(path[:-1], start=1):
        if block.get(name) is None:
            block[name] = {}
        block = block[name]
        if not isinstance(block, dict):
            inner = ".".join(path[:depth])
            raise InputError(f"{where}: '{inner}' is {describe(block)}, which has no key '{path[depth]}'")
    block[path[-1]] = value


def _assignment(text: str) -> tuple[tuple[str, ...], Any]:
    key, equals, value = text.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        raise InputError(f"--set {text}: expected KEY=VALUE with a dotted key, such as activation.bits=4")
    if path[:2] == _SWEEP and len(path) > 2:  # the keys of that block have dots themselves
        path = (*_SWEEP, ".".join(path[2:]))
    return path, parse_yaml(value, f"--set {text}")


def _refuse_swept(data: dict[str, Any], overrides: Sequence[str]) -> None:
    """Refuse to set what the sweep sets again: the value would vanish without a word."""
    sweep = data.get("sweep")
    over = sweep.get("over") if isinstance(sweep, dict) else None
    for text in overrides:
        key = text.partition("=")[0].strip()
        for swept in over if isinstance(over, dict) else ():
            if f"{swept}.".startswith(f"{key}."):
                raise InputError(
                    f"--set {text}: the file's sweep varies '{swept}'; use --set sweep.over.{swept}=[...], "
                    f"or --set sweep=null for a single point"
                )
