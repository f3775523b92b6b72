"""The client against a real stream: requests, answers as tables, and the live dataflow."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
import real
from conftest import Stream, Trained

from flightline import (
    CLASSES,
    CarriedFile,
    Cluster,
    Flight,
    JobSpec,
    JobView,
    NoSuchJobError,
    Page,
    RefusedFlightError,
    TooSlowError,
)
from flightline.answers import read_files, read_mongodb
from flightline.picture import draw

mpl.use("agg")

LATE = Flight("JFK", "SFO", "AA", "2016-12-25", 120, "1519")
EARLY = Flight("EWR", "ORD", "UA", "2016-05-12", -10)


def test_requests_are_answered_and_the_files_say_the_same(stream: Stream) -> None:
    answers = stream.page.ask_all([LATE, EARLY])
    assert [answer["Route"] for answer in answers] == ["JFK-SFO", "EWR-ORD"]
    assert all(answer["Status"] == "OK" for answer in answers)
    assert answers[0]["Prediction"] == 3
    ids = {answer["UUID"] for answer in answers}

    def are_in_files() -> bool:
        table = read_files(stream.answers)
        return not table.empty and ids <= set(table["UUID"])

    real.wait_until("the answers are in files", are_in_files)
    table = read_files(stream.answers).set_index("UUID")
    for answer in answers:
        row = table.loc[answer["UUID"]]
        assert (row["Model"], row["Prediction"]) == (answer["Model"], answer["Prediction"])
        assert row["Delay"] == CLASSES[answer["Prediction"]]
        assert [row[f"P({name})"] for name in CLASSES] == answer["Probabilities"]
    assert table.index.is_unique


def test_files_of_columns_say_the_same_as_those_of_lines(stream: Stream) -> None:
    asked = stream.page.ask_all([EARLY, Flight("JFK", "XXX", "AA", "2016-12-25", 0)])
    ids = {answer["UUID"] for answer in asked}

    def rows(name: str) -> list[object]:
        table = read_files(stream.answers.with_name(name))
        if table.empty:
            return []
        table = table[table["UUID"].isin(ids)].set_index("UUID").sort_index()
        told = table[["Status", "Error", "Route", "Prediction", "Delay", *(f"P({one})" for one in CLASSES)]]
        return [[None if pd.isna(value) else value for value in row] for row in told.astype(object).values.tolist()]

    real.wait_until("all answers are in both", lambda: len(rows("predictions")) == len(rows("columns")) == 2)
    assert rows("columns") == rows("predictions")


def test_answers_in_mongodb_say_the_same_as_those_of_the_page(
    world: real.World, cluster: Cluster, trained: Trained
) -> None:
    assert trained.job.view().line.exit == 0
    port = real.free_ports(1)
    with real.collection() as collection:
        config = world.folder / "mongodb.toml"
        config.write_text(real.mongodb_config(port, collection), encoding="utf-8")
        spec = JobSpec("predict", supervise=True, name="with MongoDB").with_config(CarriedFile.read(config))
        job = cluster.submit(spec)
        job.wait_until_running(timeout=real.DEADLINE)
        page = Page(world.start_page(config, f"http://127.0.0.1:{port}"))
        page.wait_until_ready(timeout=real.DEADLINE)
        asked = page.ask_all([LATE, EARLY, Flight("JFK", "XXX", "AA", "2016-12-25", 0)])
        stored = read_mongodb(real.mongodb(), collection).set_index("UUID")
        assert len(stored) == len(asked)
        for answer in asked:
            row = stored.loc[answer["UUID"]]
            assert (row["Status"], row["Route"]) == (answer["Status"], answer["Route"])
            if answer["Status"] == "OK":
                assert row["Prediction"] == answer["Prediction"]
                assert [row[f"P({name})"] for name in CLASSES] == answer["Probabilities"]
        one = read_mongodb(real.mongodb(), collection, {"UUID": asked[0]["UUID"]})
        assert list(one["Delay"]) == [CLASSES[3]]
        assert read_mongodb(real.mongodb(), collection, {"UUID": "nobody's"}).empty
        assert cluster.job_named("with MongoDB") == job
        page.close()
        job.stop()
        job.wait(timeout=real.DEADLINE, check=False)
    with pytest.raises(NoSuchJobError, match="no job named with MongoDB is alive; alive are: "):
        cluster.job_named("with MongoDB")


def test_an_unknown_route_is_an_answer_that_says_so(stream: Stream) -> None:
    answer = stream.page.ask(Flight("JFK", "XXX", "AA", "2016-12-25", 0))
    assert answer["Status"] == "ERROR"
    assert "XXX" in answer["Error"]


def test_all_wrong_fields_of_a_flight_are_raised_at_once(stream: Stream) -> None:
    with pytest.raises(RefusedFlightError) as refused:
        stream.page.send(Flight("", "SFO", "AA", "2023-02-29", 0))
    assert set(refused.value.fields) == {"Origin", "FlightDate"}


def test_an_answer_that_nobody_asked_for_never_comes(stream: Stream) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    assert stream.page.look(nobody) is None
    with pytest.raises(TooSlowError):
        stream.page.wait(nobody, timeout=0.0)


def test_a_stream_tells_of_its_sinks_and_its_ledger(stream: Stream) -> None:
    stream.page.ask(EARLY)

    def has_told_all(view: JobView) -> bool:
        """A partition is told when its source has begun, which the others don't wait for."""
        return view.stream is not None and view.stream.ledger is not None and set(view.stream.partitions) == {0, 1}

    view = stream.job.wait_until(has_told_all, timeout=30)
    told = view.stream
    assert told is not None
    assert told.guarantee in ("exactly-once", "at-least-once")
    assert set(told.sinks) == {"topic", "collection", "files", "columns", "dead-letters"}
    assert told.ledger is not None
    assert told.ledger.generation == view.line.generation


def test_the_live_dataflow_is_data_and_a_picture(stream: Stream, tmp_path: Path) -> None:
    stream.page.ask(LATE)
    graph = stream.job.graph()
    assert not graph.truncated
    names = {operator.name for operator in graph.operators}
    assert {"ParseRequests", "LookUpDistance", "Predict", "WriteAnswers"} <= names
    floor = graph.floor()
    assert floor.arrows
    assert sum(box.share for box in floor.boxes) == pytest.approx(1)
    assert len(graph.table()) == len(graph.operators)
    axes = draw(graph, title="The stream")
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(tmp_path / "graph.png")
    shown = "\n".join(text.get_text() for text in axes.texts).replace("\n", "")
    for box in floor.boxes:
        assert box.name.replace(" ", "")[:8] in shown.replace(" ", "")
