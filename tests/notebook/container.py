"""Runs JupyterLab as the service `notebook` of docker-compose.yml does, without the container.

    python tests/notebook/container.py

The command is that of deploy/notebook/Dockerfile, the settings are deploy/notebook/jupyter_server_config.py, the
environment and the check of health are the service's. Other than there are the port, the folders, the address, and the
file of the token. It ends with 0 only if the service becomes healthy, who has the token is let in and sees the
notebook, and who has not isn't.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
# The tests of the client start and wait in the same way.
sys.path.insert(0, str(PROJECT / "clients/python/tests"))

import real  # noqa: E402

#: The port in the container.
PORT = 8888


def main() -> int:
    """Runs it, and says what is wrong."""
    service: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text("utf-8"))["services"][
        "notebook"
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(PROJECT / "notebooks", folder / "root/notebooks")
        token = folder / "token"
        token.touch(0o600)
        token.write_text(secrets.token_urlsafe(), "utf-8")
        port = real.free_ports(1)
        server = real.Running("jupyter", start(folder, port, service["environment"], token), folder / "log")
        try:
            real.wait_until("the notebook is healthy", lambda: is_healthy(server, service["healthcheck"]["test"], port))
            wrong = let_in(port, token.read_text("utf-8"))
        finally:
            server.stop()
        for sentence in wrong:
            print(f"notebook: {sentence}", file=sys.stderr)
        if wrong:
            print(server.said(), file=sys.stderr)
    print(f"notebook: JupyterLab as in its container, {len(wrong)} mistakes")
    return 1 if wrong else 0


def start(folder: Path, port: int, environment: dict[str, str], token: Path) -> subprocess.Popen[bytes]:
    """Starts what the image starts."""
    lines = (PROJECT / "deploy/notebook/Dockerfile").read_text("utf-8").splitlines()
    (command,) = (json.loads(line.removeprefix("CMD ")) for line in lines if line.startswith("CMD "))
    places = [f"--ServerApp.root_dir={folder / 'root'}", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1"]
    others = {key: value for key, value in os.environ.items() if not key.startswith(("FLIGHTLINE_", "JUPYTER"))}
    own = {
        "FLIGHTLINE_TOKEN_FILE": str(token),
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "own"),
        "JUPYTER_CONFIG_PATH": str(PROJECT / "deploy/notebook"),
        # The Jupyter that is beside this Python.
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    allowed = ["--allow-root"] if os.geteuid() == 0 else []
    with (folder / "log").open("wb") as told:
        return subprocess.Popen(
            [*command, *places, *allowed],
            cwd=folder / "root",
            env={**others, **environment, **own},
            stdout=told,
            stderr=told,
        )


def is_healthy(server: real.Running, test: list[str], port: int) -> bool:
    """Whether the service's own check says so."""
    if server.process.poll() is not None:
        raise RuntimeError(f"JupyterLab ended with {server.process.returncode}\n{server.said()}")
    word, program, *words = test
    if (word, program) != ("CMD", "python") or not any(f":{PORT}/" in text for text in words):
        raise RuntimeError(f"this check of health isn't known here: {test}")
    words = [text.replace(f":{PORT}/", f":{port}/") for text in words]
    return subprocess.run([sys.executable, *words], capture_output=True, check=False).returncode == 0


def let_in(port: int, token: str) -> list[str]:
    """What is wrong with who is let in."""
    wrong = []
    for path in ("contents", "contents/notebooks/flights.ipynb", "kernelspecs/python3"):
        for given, wanted in ((None, 403), (secrets.token_urlsafe(), 403), (token, 200)):
            answered = status(f"http://127.0.0.1:{port}/api/{path}", given)
            if answered != wanted:
                who = (
                    "who has the token" if given == token else "who has another token" if given else "who has no token"
                )
                wrong.append(f"{path} is answered with {answered} instead of {wanted} to {who}")
    return wrong


def status(url: str, token: str | None) -> int:
    """The status of an answer."""
    headers = {"Authorization": f"token {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=real.DEADLINE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


if __name__ == "__main__":
    sys.exit(main())
