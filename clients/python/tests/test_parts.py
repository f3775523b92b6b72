"""The parts that need no server: reading of JSON, jobs as JSON, the layout and the lines of progress."""

from __future__ import annotations

import io
import itertools
import json
import random
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flightline import (
    CarriedFile,
    JobLine,
    JobSpec,
    JobState,
    Lines,
    ShapeError,
    StageLine,
    UnreachableError,
    memory_bytes,
)
from flightline.answers import CLASSES, read_files, read_mongodb, table
from flightline.graph import Graph
from flightline.layout import layers, places
from flightline.routes import HIGH, WIDE, drawing
from flightline.shape import read


@dataclass
class Part:
    """Something to be read."""

    name: str
    pairs: dict[int, tuple[int, float]]
    from_: int | None = None


def test_what_is_known_is_read_and_the_rest_is_ignored() -> None:
    part = read(Part, {"name": "a", "pairs": {"3": [1, 2]}, "from": 7, "later": {}})
    assert part == Part("a", {3: (1, 2.0)}, 7)
    assert type(part.pairs[3][1]) is float


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "it is list where dict was expected"),
        ({"name": "a"}, "it has no pairs"),
        ({"name": None, "pairs": {}}, r"it\.name is nothing where str was expected"),
        ({"name": "a", "pairs": {"3": [1]}}, r"it\.pairs\.3 has 1 parts instead of 2"),
        ({"name": "a", "pairs": {"3": [True, 1]}}, r"it\.pairs\.3\[0\] is bool where int was expected"),
        ({"name": "a", "pairs": {"x": [1, 1]}}, r"it\.pairs has the key 'x' where int was expected"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(value: object, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        read(Part, value, "it")


def test_memory_is_read_as_people_write_it() -> None:
    # As the servers read it: `engine/src/memory_size.rs`.
    for text, amount in (
        ("2G", 2 << 30),
        ("512M", 512 << 20),
        ("1.5g", 3 << 29),
        (" 64k ", 64 << 10),
        ("1T", 1 << 40),
        ("1 T", 1 << 40),
        ("2GiB", 2 << 30),
        ("512 MiB", 512 << 20),
        ("100MB", 100_000_000),
        ("4096", 4096),
    ):
        assert memory_bytes(text) == amount, text
    for text in ("", "G", "much", "-1G", "0", "0M", "2X", "NaN", "infG", "1e400G", "2G2", "99999999999999T"):
        with pytest.raises(ValueError, match="is no amount of memory"):
            memory_bytes(text)


def test_a_carried_file_travels_and_is_never_shown() -> None:
    file = CarriedFile("job.toml", 'password = "hush"')
    spec = JobSpec("predict", ("--set", "a=b")).with_config(file)
    assert "hush" not in repr(spec)
    told = spec.json()
    assert told["args"] == ["--set", "a=b", "--config", "{carried}/job.toml"]
    assert told["files"] == [{"name": "job.toml", "text": file.text}]
    assert "every" not in told
    assert replace(spec, every="24h").json()["every"] == "24h"


def test_every_arrow_goes_to_a_later_column_but_for_loops() -> None:
    chance = random.Random(7)
    for _ in range(50):
        nodes = list(range(chance.randint(1, 20)))
        forward = [(a, b) for a in nodes for b in nodes if a < b and chance.random() < 0.2]
        column = layers(nodes, forward)
        assert all(column[a] < column[b] for a, b in forward)
        back = [(b, a) for a, b in forward if chance.random() < 0.2]
        at = places(nodes, [*forward, *back, (0, 0)])
        assert len(set(at.values())) == len(nodes), "no two boxes stand at one place"


def test_no_arrow_goes_through_a_box_and_no_two_share_a_lane() -> None:
    chance = random.Random(11)
    for _ in range(50):
        nodes = list(range(chance.randint(1, 20)))
        arrows = [(a, b) for a in nodes for b in nodes if chance.random() < (0.2 if a < b else 0.02)]
        drawn = drawing(places(nodes, arrows), arrows)
        assert len(drawn.arrows) == len(drawn.numbers) == len(arrows)
        lanes: list[tuple[float, float, float]] = []
        for (source, target), corners in zip(arrows, drawn.arrows, strict=True):
            assert corners[0][0] == drawn.boxes[source][0] + WIDE / 2
            assert corners[-1][0] == drawn.boxes[target][0] - WIDE / 2
            for (x0, y0), (x1, y1) in itertools.pairwise(corners):
                for x, y in drawn.boxes.values():
                    beside = max(x0, x1) <= x - WIDE / 2 or min(x0, x1) >= x + WIDE / 2
                    above = max(y0, y1) <= y - HIGH / 2 or min(y0, y1) >= y + HIGH / 2
                    assert beside or above
            if len(corners) > 2:
                (begin, lane), (end, _) = corners[2:4]
                lanes.append((round(lane, 6), min(begin, end), max(begin, end)))
        for one, other in itertools.combinations(lanes, 2):
            assert one[0] != other[0] or one[2] < other[1] or other[2] < one[1]
        assert all(0 <= y <= drawn.size[1] for corners in drawn.arrows for _, y in corners)


def test_a_floor_adds_up_what_is_within_and_knows_the_edge() -> None:
    def operator(address: list[int], nanos: int) -> dict[str, object]:
        told = {"address": address, "name": str(address), "is_scope": len(address) < 3, "active_nanos": nanos}
        return {**told, "activations": 1, "running": 1}

    def channel(scope: list[int], source: int, target: int, sent: int, received: int) -> dict[str, object]:
        ends = {
            "source": {"operator": [*scope, source], "port": 0},
            "target": {"operator": [*scope, target], "port": 0},
        }
        return {"scope": scope, **ends, "records_sent": sent, "records_received": received, "batches": 1}

    graph = read(
        Graph,
        {
            "operators": [operator([0], 1), operator([0, 1], 10), operator([0, 2], 20), operator([0, 2, 1], 70)],
            "channels": [channel([0], 1, 2, 5, 3), channel([0], 1, 2, 1, 1), channel([0, 2], 0, 1, 4, 4)],
        },
    )
    floor = graph.floor()
    assert [(box.name, box.nanos, box.share) for box in floor.boxes] == [("[0, 1]", 10, 0.1), ("[0, 2]", 90, 0.9)]
    assert [(arrow.records, arrow.waiting) for arrow in floor.arrows] == [(6, 2)]
    assert [box.name for box in graph.floor((0, 2)).boxes] == ["outside", "[0, 2, 1]"]
    assert Graph([], []).floor().boxes == []


def test_lines_are_written_once_for_each_change() -> None:
    out = io.StringIO()
    lines = Lines(out)
    stage = StageLine("read", "rows", 10, 4, ended=False)
    line = JobLine(
        id=3, name="it", program="train", state=JobState("running"), submitted=0, ended=None, exit=None, generation=1,
        cores=1, memory=1, next_run=None, stages=[stage],
    )  # fmt: skip
    for shown in (line, line, replace(line, stages=[replace(stage, done=10, ended=True)])):
        lines.show(shown)
        lines.show(shown)
    assert out.getvalue().splitlines() == ["job 3 (it) is running", "  read: 10 rows"]


def test_answers_of_files_come_in_order_and_hidden_files_are_the_sinks(tmp_path: Path) -> None:
    assert read_files(tmp_path / "none").empty
    for partition, name, uuid in (
        (10, "0.jsonl", "c"),
        (2, "5.jsonl", "b"),
        (2, "0.jsonl", "a"),
        (2, ".end.jsonl", "x"),
    ):
        folder = tmp_path / f"log_partition={partition}"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps({"UUID": uuid, "Status": "ERROR"}) + "\n", encoding="utf-8")
    assert list(read_files(tmp_path)["UUID"]) == ["a", "b", "c"]


def test_an_answer_says_its_class_in_words() -> None:
    told = table([{"UUID": "a", "Prediction": 3, "Probabilities": [0.1, 0.2, 0.3, 0.4]}, {"UUID": "b", "Error": "no"}])
    assert told["Delay"][0] == CLASSES[3]
    assert told[f"P({CLASSES[3]})"][0] == 0.4
    assert told["Delay"].isna()[1]


def test_a_mongodb_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(UnreachableError, match=r"MongoDB at 127\.0\.0\.1:1: 127\.0\.0\.1:1: \[Errno 111\]") as raised:
        read_mongodb("mongodb://me:hush@127.0.0.1:1/?serverSelectionTimeoutMS=1")
    assert "hush" not in str(raised.value)
    with pytest.raises(ValueError, match="'answers' is no collection"):
        read_mongodb("mongodb://127.0.0.1:1/", "answers")
