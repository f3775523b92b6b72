"""The client against a real master and real workers: what is seen, submitted, refused, waited for and ended."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
import real
import requests.utils
from conftest import Trained

from flightline import (
    Bars,
    Cluster,
    ConflictError,
    JobFailedError,
    JobSpec,
    Lines,
    NotAllowedError,
    NotFoundError,
    NotNowError,
    NoTokenError,
    Page,
    RefusedJobError,
    ShapeError,
    TooSlowError,
    UnreachableError,
    moment,
    read_card,
)


def quiet() -> Lines:
    """Shows nothing to anybody."""
    return Lines(io.StringIO())


def test_workers_are_seen_with_what_they_have(cluster: Cluster) -> None:
    view = cluster.view()
    assert [(one.name, one.state, one.cores, one.memory) for one in view.workers] == [
        (f"worker-{number}", "alive", 2, 2 << 30) for number in range(2)
    ]
    assert view.since <= view.now
    assert moment(view.now).tzinfo is not None


def test_a_training_is_shown_stage_by_stage(trained: Trained) -> None:
    assert "(first forest) is completed" in trained.shown
    stages = [line.split(":")[0].strip() for line in trained.shown.splitlines() if line.startswith("  ")]
    assert {"read", "grow"} <= set(stages), trained.shown
    assert stages == list(dict.fromkeys(stages)), "no stage ends twice"


def test_bars_come_to_the_end_of_each_stage(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    view = trained.job.wait(shows=Bars())
    told = "".join(capsys.readouterr())
    assert view.line.stages
    for stage in view.line.stages:
        assert stage.name in told


def test_a_job_says_what_it_was_asked_for_and_how_its_lives_went(trained: Trained) -> None:
    view = trained.job.view()
    assert (view.spec.program, view.spec.args, view.spec.processes) == ("train", ["--trees", "10"], 2)
    assert (view.line.state.state, view.line.exit, view.line.restarts) == ("completed", 0, 0)
    [life] = view.generations
    assert life.ended is not None
    assert [process.process for process in life.processes] == [0, 1]
    assert view.stream is None


def test_the_new_model_is_the_current_one_and_its_report_can_be_had(
    world: real.World, cluster: Cluster, trained: Trained
) -> None:
    assert trained.job.view().line.state.is_over
    model = trained.job.model()
    current = cluster.models().current
    assert current is not None
    assert current.id == model.id == trained.job.view().model
    assert cluster.model(model.id).view == current.view == model.view
    report = model.report()
    assert report.model == model.id
    assert report.test is not None
    assert sum(map(sum, report.test.quality.confusion)) == report.test.quality.rows
    assert sum(one.importance for one in report.features) == pytest.approx(1)
    qualities = report.qualities()
    assert qualities.loc[report.test.name, "accuracy"] == report.test.quality.accuracy
    assert report.importances().index[0] == "DepDelay"
    assert report.confusion().to_numpy().sum() == report.test.quality.rows
    assert list(cluster.models().table()["id"]) == [one.id for one in cluster.models()]
    assert "<html" in model.page()
    card = read_card(world.folder / "models")
    assert (card["id"], card["trees"]) == (model.id, 10)


def test_a_log_is_the_same_in_pieces_and_followed(trained: Trained) -> None:
    log = trained.job.log()
    text = log.text()
    assert text
    assert "".join(log.follow()) == text
    assert "".join(trained.job.follow()) == text
    half = len(text.encode()) // 2
    piece = log.piece(half)
    assert (piece.from_, piece.text) == (half, text.encode()[half:].decode(errors="replace"))
    assert text.endswith(log.piece().text)
    with pytest.raises(NotFoundError, match="no process 7"):
        trained.job.log(process=7).piece()


def test_what_a_job_printed_is_a_log_of_its_own(trained: Trained) -> None:
    printed = trained.job.log(stream="stdout").text()
    assert trained.job.model().id in printed
    assert "".join(trained.job.follow(stream="stdout")) == printed
    assert printed != trained.job.log().text()


def test_a_job_that_runs_is_not_submitted_again_and_one_that_ends_is_waited_for(cluster: Cluster) -> None:
    spec = JobSpec("train", processes=9, cores=2, name="only one")
    job = cluster.submit(spec, unless_running=True)
    assert cluster.submit(spec, unless_running=True).id == job.id
    job.kill()
    again = cluster.submit(spec, unless_running=True)
    assert again.id > job.id
    assert [line.id for line in cluster.jobs() if line.name == "only one"] == [again.id, job.id]
    again.kill()


def test_all_mistakes_of_a_job_are_raised_at_once(cluster: Cluster) -> None:
    jobs = len(cluster.view().jobs)
    spec = JobSpec("train", ("-w", "4", "--input", "/etc/passwd"), processes=0)
    with pytest.raises(RefusedJobError) as refused:
        cluster.submit(spec)
    told = "\n".join(refused.value.mistakes)
    for says in ("0 processes", "which the agent gives itself", "/etc/passwd"):
        assert says in told
    assert len(refused.value.mistakes) >= 3
    assert len(cluster.view().jobs) == jobs


def test_who_waits_for_a_job_that_fails_is_told_why(cluster: Cluster) -> None:
    job = cluster.submit(JobSpec("train", ("--input", "data/nothing.jsonl")))
    with pytest.raises(JobFailedError, match=r"(?s)failed.*exit code 3.*nothing\.jsonl"):
        job.wait(timeout=real.DEADLINE, shows=quiet())


def test_a_job_without_room_waits_and_can_be_killed_once(cluster: Cluster) -> None:
    job = cluster.submit(JobSpec("train", processes=9, cores=2))
    state = job.view().line.state
    assert state.state == "queued"
    assert "cores" in str(state)
    with pytest.raises(TooSlowError):
        job.wait(timeout=0.0, shows=quiet())
    with pytest.raises(ConflictError, match="has not been started yet"):
        job.graph()
    with pytest.raises(NotFoundError, match="has made no model"):
        job.model()
    job.kill()
    assert job.wait(timeout=real.DEADLINE, shows=quiet(), check=False).line.state.state == "killed"
    with pytest.raises(ConflictError):
        job.stop()


def test_what_is_not_there_is_said(cluster: Cluster) -> None:
    with pytest.raises(NotFoundError, match="there is no such job, or it is forgotten"):
        cluster.job(10**6).view()
    with pytest.raises(NotFoundError, match="there is no job"):
        cluster.job(10**6).stop()
    with pytest.raises(NotFoundError, match="there is no such model"):
        cluster.model("c" * 64)


def test_a_token_is_found_in_argument_file_and_environment(
    world: real.World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLIGHTLINE_TOKEN", raising=False)
    monkeypatch.delenv("FLIGHTLINE_TOKEN_FILE", raising=False)
    with pytest.raises(NoTokenError, match="flightline-cluster/token"):
        Cluster(world.master)
    token = world.token_file.read_text().strip()
    assert Cluster(world.master, token=token).view().workers
    monkeypatch.setenv("FLIGHTLINE_TOKEN_FILE", str(world.token_file))
    assert Cluster(world.master).view().workers
    monkeypatch.setenv("FLIGHTLINE_TOKEN", "wrong")
    with pytest.raises(NotAllowedError, match="the token is wrong") as refused:
        Cluster(world.master).view()
    assert refused.value.status == 401


def test_nobody_at_the_address_and_somebody_else_are_told_apart(stream_free_page: str) -> None:
    with pytest.raises(UnreachableError, match=r"nobody answers at http://127\.0\.0\.1:1"):
        Cluster("127.0.0.1:1", token="x").view()
    with pytest.raises((NotFoundError, ShapeError)):
        Cluster(stream_free_page, token="x").view()


@pytest.fixture
def stream_free_page(world: real.World) -> str:
    """A page whose job doesn't run: a server of ours that is no master."""
    config = world.folder / "none.toml"
    config.write_text(real.stream_config(1), encoding="utf-8")
    return world.start_page(config, "http://127.0.0.1:1")


def test_a_page_without_its_stream_says_so(stream_free_page: str) -> None:
    with pytest.raises(NotNowError):
        Page(stream_free_page).health()


def test_the_metrics_are_those_of_the_cluster(cluster: Cluster) -> None:
    assert "worker" in cluster.metrics()


def test_over_tls_only_a_certificate_that_is_trusted_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It took the place of what the client was told to trust.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", requests.utils.DEFAULT_CA_BUNDLE_PATH)
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    parts = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "site.key", "-out", "site.pem"]
    subprocess.run([*line.split(), *parts], cwd=tmp_path, check=True, capture_output=True)
    with real.world(tmp_path / "world") as world:
        world.start_cluster(0, "--tls-cert", str(tmp_path / "site.pem"), "--tls-key", str(tmp_path / "site.key"))
        trusting = Cluster(world.master, token_file=world.token_file, verify=tmp_path / "site.pem")
        assert trusting.view().workers == []
        with pytest.raises(UnreachableError, match="can't be trusted"):
            Cluster(world.master, token_file=world.token_file).view()
