"""deploy/kubernetes/base/start.sh, with programs in the place of ours that end as they are told."""

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

    def test_the_stream_is_submitted_unless_it_runs(self):
        self.fake("submit")
        self.assertEqual(self.start("stream").returncode, 0)
        (submitted,) = self.submitted()
        asked = submitted.split(" -- ")[0].split()
        self.assertEqual(asked[:5], ["submit", "predict", "--name", "stream", "--unless-running"])
        self.assertIn("--supervise --processes 3", submitted)

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
