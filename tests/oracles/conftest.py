"""ngspice, an independent circuit simulator."""

import os
import re
import shutil
import subprocess

import pytest

_TIMEOUT = 60.0  # s


@pytest.fixture
def ngspice(tmp_path):
    """Runs a deck and returns what is printed; skips where there is no ngspice, fails where there has to be one."""
    program = shutil.which("ngspice")
    if program is None:
        required = os.environ.get("MEMRAMP_REQUIRE_NGSPICE") == "1"
        (pytest.fail if required else pytest.skip)("no ngspice on this machine (Debian package ngspice)")

    def run(deck):
        (tmp_path / "deck.cir").write_text(deck, encoding="ascii")
        command = [program, "-n", "-b", "deck.cir"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not re.search(r"error|singular|timestep too small|aborted", done.stdout + done.stderr, re.IGNORECASE)
        return done.stdout

    return run
