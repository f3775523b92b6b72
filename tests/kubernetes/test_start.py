"""deploy/kubernetes/base/start.sh, with programs in the place of ours that end as they are told, and with ours."""

import sys
import tempfile
import unittest
from pathlib import Path

from support import ROOT, WithFakes

# What starts our programs for the tests of the Python client.
sys.path.insert(0, str(ROOT / "clients/python/tests"))

import real  # noqa: E402

SCRIPT = ROOT / "deploy/kubernetes/base/start.sh"
SIZES = {"TRAIN_PROCESSES": "2", "TRAIN_MEMORY": "1G", "TRAIN_PRESET": "seed", "MODELS": "gs://bucket/models",
         "STREAM_PROCESSES": "3", "STREAM_MEMORY": "1G"}


class Start(WithFakes):
    def setUp(self):
        super().setUp()
        self.fake("sleep")

    def start(self, step):
        return self.run_with_fakes("sh", SCRIPT, step, **SIZES)

    def submitted(self):
        return [call for call in self.calls() if call.startswith(("submit train", "submit predict", "submit upgrade"))]

    def test_the_stream_is_submitted_unless_it_runs(self):
        self.fake("submit", """echo '{"job":2,"submitted":true}'""")
        self.assertEqual(self.start("stream").returncode, 0)
        (submitted,) = self.submitted()
        asked = submitted.split(" -- ")[0].split()
        self.assertEqual(asked[:5], ["submit", "predict", "--json", "--name", "stream"])
        self.assertIn("--unless-running --supervise --processes 3", submitted)

    def test_a_stream_that_runs_is_upgraded_to_what_is_said_now(self):
        self.fake("submit", """case $1 in predict) echo '{"job":12,"submitted":false}' ;; upgrade) exit 2 ;; esac""")
        self.assertEqual(self.start("stream").returncode, 2)
        submitted, upgraded = self.submitted()
        self.assertTrue(upgraded.startswith("submit upgrade 12 --wait --processes 3 --memory 1G -- "), upgraded)
        self.assertEqual(submitted.split(" -- ")[1], upgraded.split(" -- ")[1])

    def test_our_programs_train_once_and_let_the_stream_go_on_as_is_said(self):
        with tempfile.TemporaryDirectory() as folder, real.world(Path(folder) / "world") as world:
            world.start_cluster(1)
            models, config = world.folder / "models", world.folder / "config"
            config.mkdir()
            (config / "job.toml").write_text(real.stream_config(0))
            (config / "place.toml").write_text(f'[model]\nregistry = "{models}"\n')
            host, port = world.master.removeprefix("http://").split(":")
            at = {"FLIGHTLINE_MASTER": f"{host}:{int(port) - 1}", "FLIGHTLINE_TOKEN_FILE": str(world.token_file),
                  "FLIGHTLINE_CONFIG": str(config), "FLIGHTLINE_DATA": str(world.folder / "data"),
                  "PATH": f"{real.binaries()}:/usr/bin:/bin"}
            sizes = {**SIZES, "MODELS": str(models), "TRAIN_PROCESSES": "1", "STREAM_PROCESSES": "1", "STREAM_MEMORY": "512M"}
            with world.cluster() as cluster:
                for memory in (512, 768):
                    sizes["STREAM_MEMORY"] = f"{memory}M"
                    for step in ("train", "stream"):
                        ended = self.run_with_fakes("sh", SCRIPT, step, **{**sizes, **at})
                        self.assertEqual(ended.returncode, 0, ended.stderr)
                    jobs = {job.name: job for job in cluster.view().jobs}
                    self.assertEqual((set(jobs), len(cluster.view().jobs)), ({"first-model", "stream"}, 2))
                    self.assertEqual(cluster.job(jobs["stream"].id).view().spec.memory, memory << 20)

    def test_a_server_that_is_away_is_waited_for(self):
        away = 'if mkdir "$CALLS.away" 2>/dev/null; then exit %d; fi'
        self.fake("model", "exit 3")
        for step, program, code in (("import", "import", 4), ("stream", "submit", 5), ("train", "submit", 5)):
            self.fake(program, away % code)
            before = len(self.calls())
            self.assertEqual(self.start(step).returncode, 0)
            again = [call for call in self.calls()[before:] if not call.startswith("model ")]
            self.assertEqual([call.split()[0] for call in again], [program, "sleep", program])
            self.assertEqual(again[0], again[2])
            (self.folder / "calls.away").rmdir()

    def test_a_model_that_is_current_is_enough(self):
        self.fake("submit")
        self.fake("model", "exit 3")
        self.assertEqual(self.start("train").returncode, 0)
        (submitted,) = self.submitted()
        self.assertIn("--name first-model --unless-running --wait", submitted)
        self.assertIn("--models gs://bucket/models", submitted)
        self.fake("model")
        self.assertEqual(self.start("train").returncode, 0)
        self.assertEqual(len(self.submitted()), 1)
        self.assertEqual(self.calls().count("model verify --models gs://bucket/models"), 2)

    def test_a_damaged_model_ends_it_and_a_store_that_is_away_is_waited_for(self):
        self.fake("submit")
        self.fake("model", "exit 7")
        self.assertEqual(self.start("train").returncode, 7)
        self.fake("model", 'if mkdir "$CALLS.away" 2>/dev/null; then exit 4; fi')
        self.assertEqual(self.start("train").returncode, 0)
        self.assertEqual((self.submitted(), self.calls().count("sleep 5")), ([], 1))

    def test_a_mistake_ends_it_with_its_code(self):
        for code in (1, 2, 3, 7):
            self.fake("import", f"exit {code}")
            self.assertEqual(self.start("import").returncode, code)
        self.assertEqual(self.start("jump").returncode, 2)


if __name__ == "__main__":
    unittest.main()
