"""deploy/kubernetes/base/start.sh, with programs in the place of ours that end as they are told."""

import json
import unittest

from support import ROOT, WithFakes

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
        return [call for call in self.calls() if call.startswith(("submit train", "submit predict"))]

    def with_jobs(self, *states):
        """A master that lists a stream in each of these states, as `submit --json list` prints it."""
        jobs = [{"id": 1, "name": "train", "program": "train", "state": {"state": "running"}}]
        jobs += [{"id": 2, "name": "stream", "program": "predict", "state": {"state": state, "why": "x"}} for state in states]
        (self.folder / "jobs.json").write_text(json.dumps(jobs, separators=(",", ":")))
        self.fake("submit", f'case "$*" in *list) cat {self.folder}/jobs.json ;; esac')

    def test_a_stream_that_is_alive_is_not_submitted_again(self):
        for state in ("queued", "starting", "running", "ending", "backing-off"):
            self.with_jobs("failed", state)
            self.assertEqual(self.start("stream").returncode, 0)
        self.assertEqual(self.submitted(), [])

    def test_a_stream_that_is_over_is(self):
        self.with_jobs("failed", "stopped", "killed", "completed")
        self.assertEqual(self.start("stream").returncode, 0)
        self.assertEqual(len(self.submitted()), 1)
        self.assertIn("--supervise --processes 3", self.submitted()[0])

    def test_it_waits_for_a_master_that_is_away_and_for_a_stream_that_is_ending(self):
        once = 'if mkdir "$CALLS.%s" 2>/dev/null; then %s; fi'
        self.with_jobs("stopping")
        listed = self.folder / "jobs.json"
        stopping = f'case "$*" in *list) cat {listed} ;; esac; echo "[]" > {listed}'
        self.fake("submit", once % ("away", "exit 5") + "\n" + stopping)
        self.assertEqual(self.start("stream").returncode, 0)
        self.assertEqual(len(self.calls()), 6, self.calls())
        self.assertEqual(len(self.submitted()), 1)

    def test_a_model_that_is_current_is_enough(self):
        self.with_jobs()
        self.fake("model", "exit 3")
        self.assertEqual(self.start("train").returncode, 0)
        self.assertEqual(len(self.submitted()), 1)
        self.assertIn("--models gs://bucket/models", self.submitted()[0])
        self.fake("model")
        self.assertEqual(self.start("train").returncode, 0)
        self.assertEqual(len(self.submitted()), 1)
        self.assertEqual(self.calls().count("model verify --models gs://bucket/models"), 2)

    def test_a_damaged_model_ends_it_and_a_store_that_is_away_is_waited_for(self):
        self.with_jobs()
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
