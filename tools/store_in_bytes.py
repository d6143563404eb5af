"""Store the matrices of a checkpoint in bytes: a quarter of the file, weights to 0.4 % of their column's largest.

    python tools/store_in_bytes.py IN.safetensors OUT.safetensors

As `training.store: bytes` does, for a network that was trained without it.
"""

import argparse
from pathlib import Path

from memramp.models.checkpoint import load_checkpoint, save_checkpoint


def main() -> None:
    """Write the smaller file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("given", type=Path)
    parser.add_argument("out", type=Path)
    paths = parser.parse_args()
    save_checkpoint(load_checkpoint(str(paths.given)), paths.out, compact=True)


if __name__ == "__main__":
    main()
