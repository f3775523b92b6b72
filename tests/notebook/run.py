"""Runs notebooks/flights.ipynb from top to bottom against a real master, two workers and the page, each started for it.

    python tests/notebook/run.py [--pictures FOLDER]

It runs twice: once as it is, when it begins a stream of its own and reads answers in files, and once beside a stream
that runs already, whose answers are in MongoDB.

Needs the package in clients/python with all of its extras, the FerretDB of `tests/services up ferretdb`,
and the binaries: FLIGHTLINE_BIN names their folder, else it is target/release. The pictures and the notebook as it ran
first are left in FOLDER, target/notebook if none is named. It ends with 0 only if every cell ran, each picture is there
and has something on it, and of all jobs only the stream runs that was not the notebook's.
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
from traitlets.config import Config

PROJECT = Path(__file__).resolve().parents[2]
# The tests of the client start the same processes.
sys.path.insert(0, str(PROJECT / "clients/python/tests"))

import real  # noqa: E402

from flightline import CarriedFile, JobSpec  # noqa: E402

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
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    again = nbformat.read(NOTEBOOK, as_version=4)
    wrong = held_outputs(notebook)
    with tempfile.TemporaryDirectory() as folder, real.world(Path(folder) / "world") as world:
        world.start_cluster(2)
        wrong += alone(notebook, world)
        wrong += beside_a_stream(again, world)
    nbformat.write(notebook, pictures / "flights.ipynb")
    wrong += save_pictures(notebook, pictures)
    wrong += save_pictures(again, pictures / "beside-a-stream")
    for sentence in wrong:
        print(f"notebook: {sentence}", file=sys.stderr)
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    print(f"notebook: {cells} cells ran twice, {len(list(pictures.glob('*.png')))} pictures in {pictures}")
    return 1 if wrong else 0


def held_outputs(notebook: nbformat.NotebookNode) -> list[str]:
    """What somebody saved with the notebook that isn't its text."""
    held = [cell.id for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
    return [f"cell {cell} was saved with outputs: clear them before it is committed" for cell in held]


def alone(notebook: nbformat.NotebookNode, world: real.World) -> list[str]:
    """It begins its own stream, and ends it."""
    port = real.free_ports(1)
    config = world.folder / "job.toml"
    config.write_text(real.stream_config(port), encoding="utf-8")
    page = world.start_page(config, f"http://127.0.0.1:{port}")
    wrong = run(notebook, world, FLIGHTLINE_PAGE=page, FLIGHTLINE_STREAM_CONFIG=str(config))
    return wrong + unlike(world, {"forward forest": ["completed"], "delays": ["stopped"]})


def beside_a_stream(notebook: nbformat.NotebookNode, world: real.World) -> list[str]:
    """Another stream runs already, with its answers in MongoDB."""
    port = real.free_ports(1)
    with world.cluster() as cluster, real.collection() as collection:
        config = world.folder / "mongodb.toml"
        config.write_text(real.mongodb_config(port, collection), encoding="utf-8")
        spec = JobSpec("predict", supervise=True, name="somebody's").with_config(CarriedFile.read(config))
        stream = cluster.submit(spec)
        stream.wait_until_running(timeout=real.DEADLINE)
        page = world.start_page(config, f"http://127.0.0.1:{port}")
        at = {"FLIGHTLINE_MONGODB_URL": real.mongodb(), "FLIGHTLINE_MONGODB_COLLECTION": collection}
        wrong = run(notebook, world, FLIGHTLINE_PAGE=page, FLIGHTLINE_STREAM=spec.name, **at)
        ended = {"forward forest": ["completed"] * 2, "delays": ["stopped"], spec.name: ["running"]}
        wrong += unlike(world, ended)
        stream.stop()
        stream.wait(timeout=real.DEADLINE, check=False)
    said = [out.text for cell in notebook.cells if cell.id == "files" for out in cell.outputs if "text" in out]
    if not any("answers in MongoDB" in text and " 0 missing, 0 doubled" in text for text in said):
        wrong.append(f"of MongoDB it says {said}")
    return wrong


def run(notebook: nbformat.NotebookNode, world: real.World, **variables: str) -> list[str]:
    """Runs all cells, with these variables beside those of the world."""
    own = {
        "FLIGHTLINE_UI": world.master,
        "FLIGHTLINE_TOKEN_FILE": str(world.token_file),
        "FLIGHTLINE_ROOT": str(world.folder),
    }
    # Whoever runs this may have set some for a cluster of his own.
    others = {key: value for key, value in os.environ.items() if not key.startswith("FLIGHTLINE_")}
    resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
    # By sockets in the world's folder: a port that was found free may be another's by the time that the kernel listens.
    config = Config({"KernelManager": {"transport": "ipc", "connection_file": str(world.folder / "kernel.json")}})
    client = NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", resources=resources, config=config)
    try:
        client.execute(env={**others, **own, **variables})
    except CellExecutionError as error:
        return [f"a cell failed:\n{error}\n{world.story()}"]
    return []


def unlike(world: real.World, states: dict[str, list[str]]) -> list[str]:
    """What is wrong with the states of all jobs, by their names."""
    seen: dict[str, list[str]] = {}
    with world.cluster() as cluster:
        for job in cluster.view().jobs:
            seen.setdefault(job.name, []).append(job.state.state)
    return [] if seen == states else [f"at the end its jobs were {seen} instead of {states}"]


def save_pictures(notebook: nbformat.NotebookNode, folder: Path) -> list[str]:
    """Writes each picture under the name of its cell."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
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
