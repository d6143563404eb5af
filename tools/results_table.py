"""Print the points of finished runs as a Markdown table.

    python tools/results_table.py runs/kws_table-001 [more folders of the same sweep]

Every folder becomes a group of columns: ideal converter, and mean +- standard deviation of the noisy chips.
"""

import argparse
import json
from pathlib import Path
from typing import Any


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    runs = [(path, json.loads((path / "summary.json").read_text())["points"]) for path in parser.parse_args().runs]
    splits = [json.loads((path / "manifest.json").read_text())["data"][0]["description"] for path, _ in runs]
    keys = list(runs[0][1][0]["sweep"])
    heads = [f"{split}: {kind}" for split in splits for kind in ("ideal converter", "noisy chips")]
    print("| " + " | ".join([*keys, *heads]) + " |")
    print("|" + "---|" * (len(keys) + len(heads)))
    for points in zip(*(points for _, points in runs), strict=True):
        cells = [text for point in points for text in _cells(point)]
        print("| " + " | ".join([*points[0]["sweep"].values(), *cells]) + " |")
    floats = [f"{split}: {points[0]['float']:.1f} %" for split, (_, points) in zip(splits, runs, strict=True)]
    print(f"\nFloat: {'; '.join(floats)}")


def _cells(point: dict[str, Any]) -> tuple[str, str]:
    chips = point["chips"]
    return f"{point['ideal']:.1f}", f"{chips['mean']:.1f} ± {chips['sd']:.1f}"


if __name__ == "__main__":
    main()
