"""The rendered overlays: ones of Kubernetes, and fit for our programs."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from support import ROOT

# What starts our programs for the tests of the Python client.
sys.path.insert(0, str(ROOT / "clients/python/tests"))

import real  # noqa: E402

KUBERNETES = ROOT / "deploy/kubernetes"
PROGRAMS = os.environ.get("FLIGHTLINE_BIN") or ROOT / "target/release"


def rendered(overlay):
    return subprocess.run(["kustomize", "build", overlay], check=True, capture_output=True, text=True).stdout


def with_tls():
    """The overlay of minikube with the component tls, as its documentation says."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(KUBERNETES, Path(folder) / "kubernetes")
        text = {"resources": ["../minikube"], "components": ["../../tls"]}
        overlay = copy / "overlays/tls"
        overlay.mkdir()
        (overlay / "kustomization.yaml").write_text(yaml.safe_dump(text))
        return rendered(overlay)


def check(text):
    command = [sys.executable, ROOT / "tests/kubernetes/check.py", PROGRAMS]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.overlays = {name: rendered(KUBERNETES / "overlays" / name) for name in ("minikube", "gke")}
        cls.overlays["tls"] = with_tls()

    def validate(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            command = [sys.executable, "-m", "kubernetes_validate", "--strict", "--quiet", file.name]
            validated = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(validated.returncode, 0, validated.stdout + validated.stderr)

    def test_all_are_manifests_of_kubernetes_and_have_no_unknown_field(self):
        for name, text in self.overlays.items():
            with self.subTest(name):
                self.validate(text)

    def test_the_policy_for_prometheus_in_the_guide_lets_him_reach_the_masters_pages(self):
        guide = (ROOT / "docs/operating/alarms.md").read_text()
        (shown,) = [block for block in guide.split("\n\n") if block.startswith("    apiVersion: ")]
        policy = yaml.safe_load(shown)
        own = {one["metadata"]["name"]: one for one in yaml.safe_load_all(self.overlays["minikube"]) if one["kind"] == "NetworkPolicy"}
        self.assertNotIn(policy["metadata"]["name"], own)
        self.assertEqual(policy["metadata"]["namespace"], own["master"]["metadata"]["namespace"])
        self.assertEqual(policy["spec"]["podSelector"], own["master"]["spec"]["podSelector"])
        self.assertEqual([rule["ports"] for rule in policy["spec"]["ingress"]], [own["master"]["spec"]["ingress"][1]["ports"]])
        self.validate(shown)

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
            ("path: /ready", "path: /health"),
            ("path: /health", "path: /ready"),
            ("registry = \"/srv/flightline/models\"", "registry = \"/srv/flightline/others\""),
            ("MODELS: /srv/flightline/models", "MODELS: /srv/flightline/others"),
            ("port: ui", "port: rpc"),
            ("FLIGHTLINE_WORKER_CORES", "FLIGHTLINE_WORKER_CORE"),
            ("type: Recreate", "type: RollingUpdate"),
            ("port: 5000", "port: 5001"),
            ("containerPort: 27017", "containerPort: 27018"),
            ("value: flightline-master:7077", "value: flightline-master:7078"),
            ("value: /run/flightline/token", "value: /run/flightline/tokens"),
            ("--config=/etc/flightline/job.toml", "--config=/etc/flightline/jobs.toml"),
            ("mountPath: /srv/flightline", "mountPath: /srv/flightlines"),
            ("name: FLIGHTLINE_TOKEN\n", "name: FLIGHTLINE_TOKENS\n"),
            ("registry = ", "registri = "),
            ("flight-delay-ml-request", "flight-delay-requests"),
            ("app.kubernetes.io/name: web", "app.kubernetes.io/name: page"),
            ("maxUnavailable: 1", "maxUnavailable: 3"),
            ("topologyKey: kubernetes.io/hostname", "topologyKey: topology.kubernetes.io/zone"),
            ("serviceAccountName: flightline", "serviceAccountName: default"),
            ("fsGroup: 10001", "fsGroup: 0"),
            ("$(POD_NAME)", "$(POD)"),
            ("            memory: 512Mi\n", ""),
            ("httpGet:\n            path: /health\n            port: ui\n          periodSeconds: 10", "tcpSocket:\n            port: 7100"),
        ]:
            with self.subTest(wrong):
                text = self.overlays["minikube"]
                self.assertIn(right, text)
                self.assertEqual(check(text.replace(right, wrong)).returncode, 1)

    def test_on_google_cloud_ledger_and_answers_are_in_the_bucket(self):
        maps = [one["data"] for one in yaml.safe_load_all(self.overlays["gke"]) if one["kind"] == "ConfigMap"]
        (place,) = [tomllib.loads(data["place.toml"]) for data in maps if "place.toml" in data]
        for url in (place["job"]["state"], place["sinks"]["files"]["url"]):
            self.assertTrue(url.startswith("gs://FLIGHTLINE_BUCKET/"), url)

    def test_with_tls_probes_ask_by_https(self):
        workloads = [one for one in yaml.safe_load_all(self.overlays["tls"]) if one["kind"] in ("Deployment", "StatefulSet")]
        asked = {one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0] for one in workloads}
        for name in ("flightline-master", "flightline-worker"):
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                self.assertEqual(asked[name][probe]["httpGet"]["scheme"], "HTTPS")

    def test_our_programs_answer_what_probes_ask(self):
        asked = {}
        for document in yaml.safe_load_all(self.overlays["minikube"]):
            if document["kind"] in ("Deployment", "StatefulSet"):
                for container in document["spec"]["template"]["spec"]["containers"]:
                    probes = [container.get(f"{name}Probe", {}) for name in ("startup", "readiness", "liveness")]
                    asked[container["name"]] = {one["httpGet"]["path"] for one in probes if "httpGet" in one}
        with tempfile.TemporaryDirectory() as folder, real.world(Path(folder) / "world") as world:
            world.start_cluster(1)
            config = world.folder / "job.toml"
            config.write_text(real.stream_config(1))
            with world.cluster() as cluster:
                worker = cluster.view().workers[0].page
            pages = {"master": world.master, "worker": worker, "web": world.start_page(config, "http://127.0.0.1:1")}
            for name, page in pages.items():
                self.assertTrue(asked[name])
                for path in asked[name]:
                    with self.subTest(name=name, path=path):
                        # The page's stream is away, so it isn't ready; but it says so.
                        expected = 503 if (name, path) == ("web", "/health") else 200
                        self.assertEqual(status(page if "://" in page else f"http://{page}", path), expected)


def status(page, path):
    """The status of an answer to who has no token."""
    try:
        with urllib.request.urlopen(page + path, timeout=real.DEADLINE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


class Scripts(unittest.TestCase):
    def test_shellcheck_has_nothing_to_say(self):
        scripts = [ROOT / "deploy/gke.sh", KUBERNETES / "secrets.sh", KUBERNETES / "base/start.sh"]
        scripts += [ROOT / "clients/python/check", ROOT / "tests/kubernetes/check", ROOT / "tests/python/environment"]
        checked = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout)


if __name__ == "__main__":
    unittest.main()
