"""The package as its users get it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import real

CLIENT = real.PROJECT / "clients/python"


def test_a_wheel_has_all_modules_and_says_that_it_is_typed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=CLIENT, check=True)
    [wheel] = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("flightline/")}
    source = CLIENT / "src/flightline"
    assert held == {f"flightline/{one.name}" for one in source.iterdir() if one.is_file()}
    assert "flightline/py.typed" in held
    # From the wheel alone, without what is installed for the tests; what it needs isn't in it.
    line = "import flightline, inspect; print(inspect.getfile(flightline))"
    told = subprocess.run([sys.executable, "-c", line], env={"PYTHONPATH": str(wheel)}, capture_output=True, text=True)
    assert told.stdout.startswith(str(wheel)), told.stderr


def test_without_extras_what_needs_them_says_so(tmp_path: Path) -> None:
    line = "import sys; sys.modules['pandas'] = None; from flightline.answers import table; table([])"
    told = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, cwd=tmp_path)
    assert "MissingExtraError: this needs pandas: pip install 'flightline[tables]'" in told.stderr
