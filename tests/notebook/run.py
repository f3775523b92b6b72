"""Runs notebooks/flights.ipynb from top to bottom against a real master, two workers and the page, each started for it.

    python tests/notebook/run.py [--pictures FOLDER]

Needs the package in clients/python with its extra `notebook`, and the binaries: FLIGHTLINE_BIN names their folder, else
it is target/release. The pictures and the notebook as it ran are left in FOLDER, target/notebook if none is named. It
ends with 0 only if every cell ran, each picture is there and has something on it, and nothing of the notebook runs any
more.
"""

from __future__ import annotations

import argparse
import base64
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

PROJECT = Path(__file__).resolve().parents[2]
# The tests of the client start the same processes.
sys.path.insert(0, str(PROJECT / "clients/python/tests"))

import real  # noqa: E402

NOTEBOOK = PROJECT / "notebooks/flights.ipynb"
#: Seconds for a cell.
PATIENCE = 300
#: Bytes of a picture on which there is nothing but axes.
EMPTY = 8_000


def main() -> int:
    """Runs it, and says what is wrong."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--pictures", type=Path, default=PROJECT / "target/notebook")
    pictures: Path = flags.parse_args().pictures
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.png"):
        old.unlink()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    wrong = held_outputs(notebook)
    with tempfile.TemporaryDirectory() as folder, real.world(Path(folder) / "world") as world:
        wrong += run(notebook, world)
    nbformat.write(notebook, pictures / "flights.ipynb")
    wrong += save_pictures(notebook, pictures)
    for sentence in wrong:
        print(f"notebook: {sentence}", file=sys.stderr)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    print(f"notebook: {cells} cells, {len(list(pictures.glob('*.png')))} pictures in {pictures}")
    return 1 if wrong else 0


def held_outputs(notebook: nbformat.NotebookNode) -> list[str]:
    """What somebody saved with the notebook that isn't its text."""
    held = [cell.id for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
    return [f"cell {cell} was saved with outputs: clear them before it is committed" for cell in held]


def run(notebook: nbformat.NotebookNode, world: real.World) -> list[str]:
    """Runs all cells against a cluster of its own."""
    world.start_cluster(2)
    port = real.free_ports(1)
    config = world.folder / "job.toml"
    config.write_text(real.stream_config(port), encoding="utf-8")
    os.environ |= {
        "FLIGHTLINE_UI": world.master,
        "FLIGHTLINE_TOKEN_FILE": str(world.token_file),
        "FLIGHTLINE_PAGE": world.start_page(config, f"http://127.0.0.1:{port}"),
        "FLIGHTLINE_ROOT": str(world.folder),
        "FLIGHTLINE_STREAM_CONFIG": str(config),
    }
    resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
    try:
        NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", resources=resources).execute()
    except CellExecutionError as error:
        return [f"a cell failed:\n{error}\n{world.story()}"]
    with world.cluster() as cluster:
        jobs = cluster.view().jobs
    wrong = [f"job {job.id} ({job.name}) is {job.state} at the end" for job in jobs if not job.state.is_over]
    ended = {job.program: job.state.state for job in jobs}
    if ended != {"train": "completed", "predict": "stopped"}:
        wrong.append(f"its jobs ended so: {ended}")
    return wrong


def save_pictures(notebook: nbformat.NotebookNode, folder: Path) -> list[str]:
    """Writes each picture under the name of its cell."""
    wrong: list[str] = []
    for cell in notebook.cells:
        drawn = [out.data["image/png"] for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
        for at, picture in enumerate(map(base64.b64decode, drawn)):
            name = cell.id if at == 0 else f"{cell.id}-{at + 1}"
            (folder / f"{name}.png").write_bytes(picture)
            if len(picture) < EMPTY:
                wrong.append(f"the picture of cell {cell.id} has nothing on it")
        if "picture" in cell.metadata.get("tags", []) and not drawn:
            wrong.append(f"cell {cell.id} left no picture")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
