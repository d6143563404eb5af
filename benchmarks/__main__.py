"""``python -m benchmarks``: measure memramp beside its peers; see docs/performance.md."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES
from benchmarks.measure import SCHEMA, measure
from benchmarks.report import terminal
from benchmarks.table import Case
from benchmarks.workers import WorkerError
from memramp.errors import InputError
from memramp.files import read_limited, write_atomically
from memramp.tablefile import parse_json

_LARGEST = 2**24  # bytes of a file of results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure memramp beside its peers.")
    parser.add_argument("--list", action="store_true", help="list the cases and end")
    parser.add_argument("--case", action="append", metavar="NAME", help="run this case only; may be repeated")
    parser.add_argument("--threads", default="1,2", metavar="N,N", help="numbers of threads (default: 1,2)")
    parser.add_argument("--quick", action="store_true", help="small sizes, one repetition: shows that all of it runs")
    parser.add_argument("--peer-python", action="append", default=[], metavar="PATH",
                        help="another interpreter to look for peers in; may be repeated")  # fmt: skip
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="take results from FILE, run nothing")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the measured cases among the results in FILE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the results")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write the page of results")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    asked = _parser().parse_args(arguments)
    try:
        return _run(asked)
    except (InputError, WorkerError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def _run(asked: argparse.Namespace) -> int:
    cases = _chosen(asked.case)
    if asked.list:
        for case in cases:
            print(f"{case.name:22s} {case.title}")
        return 0
    if asked.source is not None:
        results = load_results(asked.source)
    else:
        pythons = (sys.executable, *asked.peer_python)
        _check_pythons(asked.peer_python)
        results = measure(cases, _threads(asked.threads), pythons, quick=asked.quick, note=_note)
    print("\n".join(terminal(results)))
    _write(asked, results if asked.into is None else _among(load_results(asked.into), results))
    return 0


def _among(earlier: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    """Return earlier results with these cases in place of their old ones; each says when it was measured."""
    if results["quick"] or results["machine"]["processor"] != earlier["machine"]["processor"]:
        raise InputError("--into: takes whole measurements of the same processor only")
    fresh = {case["name"]: case | {"date": results["date"]} for case in results["cases"]}
    known = {case["name"]: case for case in earlier["cases"]} | fresh
    return earlier | {"cases": [known[case.name] for case in CASES if case.name in known]}


def _write(asked: argparse.Namespace, results: dict[str, Any]) -> None:
    if asked.json is not None:
        write_atomically(asked.json, _as_json(results))
    if asked.figure is not None:
        from benchmarks.figure import draw  # Matplotlib takes its time to import

        write_atomically(asked.figure, draw(results))
    if asked.docs is not None:
        from benchmarks.docs import page

        write_atomically(asked.docs, page(results).encode())


def _as_json(results: dict[str, Any]) -> bytes:
    text = json.dumps(results, indent=1) + "\n"
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), text).encode()  # short lists


def _note(text: str) -> None:
    print(f"measuring {text}", file=sys.stderr, flush=True)


def _chosen(names: Sequence[str] | None) -> list[Case]:
    known = {case.name: case for case in CASES}
    for name in names or ():
        if name not in known:
            raise InputError(f"--case: no case is called '{name}'; known are {', '.join(known)}")
    return [known[name] for name in names] if names else list(CASES)


def _threads(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part) <= 1024 for part in parts):
        raise InputError(f"--threads: expected numbers of threads such as 1,2, found '{text}'")
    return sorted({int(part) for part in parts})


def _check_pythons(paths: Sequence[str]) -> None:
    for path in paths:
        if not Path(path).is_file():
            raise InputError(f"--peer-python: there is no interpreter '{path}'")


def load_results(path: Path) -> dict[str, Any]:
    """Read results that an earlier run wrote.

    Raises
    ------
    InputError
        No such file, or not one of results.
    """
    content = parse_json(_text(path), str(path))
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InputError(f"{path}: not a file of results that 'python -m benchmarks --json' wrote")
    return content


def _text(path: Path) -> str:
    try:
        return read_limited(path, _LARGEST).decode()
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file") from None


if __name__ == "__main__":
    sys.exit(main())
