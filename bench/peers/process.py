"""Runs a command and measures it from outside: wall time, and peak memory of its whole process tree.

Linux only. Memory is read from /proc while the command runs. `getrusage` would not do: it doesn't add a JVM to the
Python that started it, and its peak survives `exec`, so that a small program looks as large as this one.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A high-water mark never falls, so only a peak after the last look is missed, and that may be a share of the run's
# length. Looking at a steady rate took time from the very program that is measured: a JVM has many threads.
_LEAST_PAUSE_SECONDS = 0.01
_PAUSE_SHARE_OF_RUN = 0.02


@dataclass(frozen=True)
class Finished:
    """A command that ended, in whatever way; `started_at` is a time of `time.monotonic`."""

    exit_code: int
    stdout: str
    stderr: str
    started_at: float
    wall_seconds: float
    peak_bytes: int


def run_measured(command: Sequence[str], folder: str | os.PathLike[str], environment: Mapping[str, str]) -> Finished:
    """Runs `command` in `folder` to its end; `environment` is added to this process's own."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        try:
            peak = _watch(process.pid)
        except BaseException:
            # Above all Ctrl-C: nothing started here may go on running.
            process.kill()
            raise
        exit_code = process.wait()
        wall_seconds = time.monotonic() - started
        stdout.seek(0)
        stderr.seek(0)
        return Finished(exit_code, stdout.read(), stderr.read(), started, wall_seconds, peak)


def _watch(pid: int) -> int:
    """Samples the tree below `pid` until `pid` ends; its peak in bytes."""
    peak = 0
    pause = _LEAST_PAUSE_SECONDS
    started = time.monotonic()
    ended = os.pidfd_open(pid)
    try:
        while not select.select([ended], [], [], pause)[0]:
            peak = max(peak, sum(_high_water(member) for member in _tree(pid)))
            pause = max(_LEAST_PAUSE_SECONDS, _PAUSE_SHARE_OF_RUN * (time.monotonic() - started))
    finally:
        os.close(ended)
    return peak


def _tree(pid: int) -> list[int]:
    """`pid` and its living descendants."""
    members = [pid]
    for member in members:
        for thread in _listed(f"/proc/{member}/task"):
            members += [int(child) for child in _read(f"/proc/{member}/task/{thread}/children").split()]
    return members


def _high_water(pid: int) -> int:
    """The most memory that `pid` has ever held, in bytes; 0 when it has just ended."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1_024
    return 0


# A process or a thread may end between being listed and being looked at; then there is nothing more to see.


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, ProcessLookupError):
        return []


def _read(file: str) -> str:
    try:
        with open(file) as opened:
            return opened.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""
