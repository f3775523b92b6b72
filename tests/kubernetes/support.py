"""What the tests of deploy/ share: the project's folder, and programs that write down how they are called."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Writes its call down, a line each, and does what the test has said for calls that begin so.
FAKE = """#!/bin/sh
name=${0##*/}
echo "$name $*" >> "$CALLS"
%s
exit 0
"""


class WithFakes(unittest.TestCase):
    """A folder of programs that only write down how they are called, before all others."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.called = self.folder / "calls"
        self.called.touch()

    def fake(self, name, script=""):
        """Makes a program that ends well, unless its script ends it otherwise."""
        path = self.bin / name
        path.write_text(FAKE % script)
        path.chmod(0o755)

    def run_with_fakes(self, *command, **variables):
        """Runs a command, and gives what it said and how it ended."""
        path = f"{self.bin}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "CALLS": str(self.called), **variables}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def calls(self):
        """All calls so far."""
        return self.called.read_text().splitlines()
