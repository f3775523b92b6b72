"""The rendered overlays: ones of Kubernetes, and fit for our programs. FLIGHTLINE_PROGRAMS is the folder of these."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml

from support import ROOT

KUBERNETES = ROOT / "deploy/kubernetes"
PROGRAMS = os.environ.get("FLIGHTLINE_PROGRAMS", str(ROOT / "target/release"))


def rendered(overlay):
    return subprocess.run(["kubectl", "kustomize", overlay], check=True, capture_output=True, text=True).stdout


def with_tls():
    """The overlay of minikube with the component tls, as its documentation says."""
    with tempfile.TemporaryDirectory(dir=KUBERNETES / "overlays") as folder:
        text = {"resources": ["../minikube"], "components": ["../../tls"]}
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(text))
        return rendered(folder)


def check(text):
    command = [sys.executable, ROOT / "tests/kubernetes/check.py", PROGRAMS]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.overlays = {name: rendered(KUBERNETES / "overlays" / name) for name in ("minikube", "gke")}
        cls.overlays["tls"] = with_tls()

    def test_all_are_manifests_of_kubernetes_and_have_no_unknown_field(self):
        for name, text in self.overlays.items():
            with self.subTest(name), tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(text)
                file.flush()
                command = [sys.executable, "-m", "kubernetes_validate", "--strict", "--quiet", file.name]
                validated = subprocess.run(command, capture_output=True, text=True, check=False)
                self.assertEqual(validated.returncode, 0, validated.stdout + validated.stderr)

    def test_all_fit_our_programs_and_each_other(self):
        for name, text in self.overlays.items():
            with self.subTest(name):
                checked = check(text)
                self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_what_does_not_fit_is_found(self):
        for right, wrong in [
            ("--grace=60", "--grace=80"),
            ("--grace=60", "--graze=60"),
            ("endPort: 7199", "endPort: 7200"),
            ("containerPort: 8081", "containerPort: 8082"),
            ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
            ("--preset ", "--prest "),
            ("nodePort: 30500", "nodePort: 30501"),
            ("claimName: flightline-files", "claimName: others"),
            ("registry = \"/srv/flightline/models\"", "registry = \"/srv/flightline/others\""),
            ("MODELS: /srv/flightline/models", "MODELS: /srv/flightline/others"),
            ("path: /health", "path: /healthz"),
            ("port: ui", "port: rpc"),
            ("FLIGHTLINE_WORKER_CORES", "FLIGHTLINE_WORKER_CORE"),
            ("type: Recreate", "type: RollingUpdate"),
        ]:
            with self.subTest(wrong):
                text = self.overlays["minikube"]
                self.assertIn(right, text)
                self.assertEqual(check(text.replace(right, wrong)).returncode, 1)

    def test_with_tls_probes_ask_by_https(self):
        workloads = [one for one in yaml.safe_load_all(self.overlays["tls"]) if one["kind"] in ("Deployment", "StatefulSet")]
        asked = {one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0] for one in workloads}
        for name in ("flightline-master", "flightline-worker"):
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                self.assertEqual(asked[name][probe]["httpGet"]["scheme"], "HTTPS")


class Scripts(unittest.TestCase):
    def test_shellcheck_has_nothing_to_say(self):
        scripts = [ROOT / "deploy/gke.sh", KUBERNETES / "secrets.sh", KUBERNETES / "base/start.sh"]
        checked = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout)


if __name__ == "__main__":
    unittest.main()
