"""deploy/gke.sh, with programs in the place of Google's that write down how they are called."""

import re
import shlex
import unittest

from support import ROOT, WithFakes

SCRIPT = ROOT / "deploy/gke.sh"
UP = ("up", "--project", "demo-1", "--tag", "t1")
CHECKS = re.compile(r"^gcloud .* describe (flightline|flightline-nodes@\S+|gs://\S+) |^kubectl version ")

# Nothing is there yet.
NOTHING = 'case "$*" in *value*) echo 4711 ;; *describe*) exit 1 ;; esac'
# Prints a manifest for `kustomize`, and keeps what is applied.
KUBECTL = """case "$*" in
    kustomize*) echo "image: FLIGHTLINE_IMAGE:FLIGHTLINE_TAG url: gs://FLIGHTLINE_BUCKET/state" ;;
    "apply -f -") cat > "$CALLS.applied" ;;
    *"get secret"*) exit 1 ;;
    *"create secret"*) for word; do case $word in --from-file=*) stat -c %a "${word#*=}" >> "$CALLS.modes" ;; esac; done ;;
    version*) echo '{"clientVersion": {"gitVersion": "v1.31.0"}}' ;;
    *ingress*0*) echo 203.0.113.9 ;;
esac"""


class Gke(WithFakes):
    def setUp(self):
        super().setUp()
        for program in ("docker", "gke-gcloud-auth-plugin"):
            self.fake(program)
        self.fake("gcloud", NOTHING)
        self.fake("kubectl", KUBECTL)

    def printed(self, *arguments):
        """The commands that a dry run says."""
        told = self.run_with_fakes(SCRIPT, *arguments, "--dry-run")
        self.assertEqual(told.returncode, 0, told.stderr)
        return [" ".join(shlex.split(line[2:])) for line in told.stdout.splitlines() if line.startswith("+ ")]

    def test_a_dry_run_runs_nothing_and_tells_what_a_run_does(self):
        told = self.printed(*UP)
        self.assertEqual(self.calls(), [])
        ran = self.run_with_fakes(SCRIPT, *UP)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("the page is at http://203.0.113.9:5000/", ran.stdout)
        done = [call for call in self.calls() if not CHECKS.match(call)]
        # One line of the dry run is a pipe, and one a script of ours.
        told = [line for line in told if "|" not in line and "secrets.sh" not in line]
        of_others = ("kubectl kustomize", "kubectl apply", "kubectl -n flightline get secret", "kubectl -n flightline create secret")
        done = [call for call in done if not call.startswith(of_others)]
        self.assertEqual([line.replace("PROJECT_NUMBER", "4711") for line in told], done)
        for part in ("clusters create", "docker build", "docker push", "buckets create", "add-iam-policy-binding", "job/flightline-start"):
            self.assertTrue(any(part in line for line in told), part)

    def test_nodes_have_an_account_of_their_own_that_may_fetch_the_image(self):
        told = self.printed(*UP)
        account = "flightline-nodes@demo-1.iam.gserviceaccount.com"
        (created,) = [line for line in told if "clusters create" in line]
        self.assertIn(f"--service-account {account}", created)
        before = told[: told.index(created)]
        self.assertIn("gcloud iam service-accounts create flightline-nodes --project demo-1", before)
        for what, role in (("projects", "container.defaultNodeServiceAccount"), ("repositories", "artifactregistry.reader")):
            wanted = (f"{what} add-iam-policy-binding", f"--role roles/{role}", f"--member serviceAccount:{account}")
            self.assertTrue(any(all(part in line for part in wanted) for line in before), role)
        of_organisation = self.printed("up", "--project", "some.org:demo-1", "--tag", "t1")
        self.assertTrue(any("serviceAccount:flightline-nodes@demo-1.some.org.iam" in line for line in of_organisation))

    def test_a_commit_names_an_image_only_if_nothing_is_changed_since(self):
        git = 'case "$*" in rev-parse*) echo 0123456789ab ;; status*) %s ;; esac'
        self.fake("git", git % "echo ' M engine/src/lib.rs'")
        changed = self.run_with_fakes(SCRIPT, "up", "--project", "demo-1")
        self.assertEqual(changed.returncode, 2)
        self.assertIn("commit first, or give --tag", changed.stderr)
        self.assertFalse(any(call.startswith(("gcloud", "docker")) for call in self.calls()))
        told = self.run_with_fakes(SCRIPT, "up", "--project", "demo-1", "--dry-run")
        self.assertEqual(told.returncode, 0)
        self.assertIn("commit first, or give --tag", told.stderr)
        self.assertEqual(self.run_with_fakes(SCRIPT, *UP).returncode, 0)
        self.fake("git", git % "")
        self.called.write_text("")
        self.assertEqual(self.run_with_fakes(SCRIPT, "up", "--project", "demo-1").returncode, 0)
        self.assertTrue(any(call.startswith("docker push") and call.endswith(":0123456789ab") for call in self.calls()))
        self.fake("git", "exit 128")
        self.assertEqual(self.run_with_fakes(SCRIPT, "up", "--project", "demo-1").returncode, 2)

    def test_a_kubectl_that_cannot_wait_so_is_refused_before_anything_is_made(self):
        for version, code in (("v1.30.4", 3), ("v1.31.0", 0), ("v1.37.1-gke.5", 0), ("unknown", 3)):
            self.fake("kubectl", f"""case "$*" in version*) echo '{{"gitVersion": "{version}"}}' ;; esac""")
            self.called.write_text("")
            with self.subTest(version):
                self.assertEqual(self.run_with_fakes(SCRIPT, *UP).returncode, code)
                self.assertEqual(any(call.startswith("gcloud") for call in self.calls()), code == 0)

    def test_the_manifests_name_the_image_and_the_bucket(self):
        self.run_with_fakes(SCRIPT, *UP)
        applied = (self.folder / "calls.applied").read_text()
        image = "europe-west1-docker.pkg.dev/demo-1/flightline/flightline:t1"
        self.assertEqual(applied, f"image: {image} url: gs://demo-1-flightline/state\n")

    def test_secrets_are_made_once_and_are_nobody_elses(self):
        self.run_with_fakes(SCRIPT, *UP)
        self.assertEqual((self.folder / "calls.modes").read_text().split(), ["600", "600"])
        self.assertNotRegex("\n".join(self.calls()), r"[A-Za-z0-9+/]{43}=")
        files = re.findall(r"--from-file=(\S+)", "\n".join(self.calls()))
        self.assertFalse(any((ROOT / file).exists() for file in files))
        self.fake("kubectl", KUBECTL.replace('*"get secret"*) exit 1', '*"get secret"*)'))
        self.called.write_text("")
        self.run_with_fakes(SCRIPT, *UP)
        self.assertFalse(any("create secret" in call for call in self.calls()))

    def test_what_is_there_stays(self):
        self.fake("gcloud", 'case "$*" in *value*) echo 4711 ;; esac')
        self.run_with_fakes(SCRIPT, *UP)
        self.assertFalse(any(" create " in call for call in self.calls() if call.startswith("gcloud")))

    def test_a_step_that_fails_ends_it_with_its_code(self):
        self.fake("docker", "exit 17")
        ran = self.run_with_fakes(SCRIPT, *UP)
        self.assertEqual(ran.returncode, 17)
        self.assertFalse(any("apply" in call for call in self.calls()))

    def test_down_leaves_the_bucket_and_says_what_must_go_before_the_next_up(self):
        told = self.printed("down", "--project", "demo-1")
        self.assertTrue(any("clusters delete" in line for line in told))
        self.assertFalse(any("storage" in line for line in told))
        said = self.run_with_fakes(SCRIPT, "down", "--project", "demo-1", "--dry-run").stdout
        self.assertIn("gs://demo-1-flightline/state", said)

    def test_down_of_a_cluster_that_is_gone_says_so_too(self):
        self.fake("gcloud")
        ended = self.run_with_fakes(SCRIPT, "down", "--project", "demo-1")
        self.assertEqual((ended.returncode, len(self.calls())), (0, 1), ended.stderr)
        self.assertIn("gs://demo-1-flightline/state", ended.stdout)
        self.fake("gcloud", 'case "$*" in *list*) echo flightline ;; esac')
        self.assertEqual(self.run_with_fakes(SCRIPT, "down", "--project", "demo-1").returncode, 0)
        self.assertTrue(any("clusters delete flightline" in call for call in self.calls()))
        # Who may not ask isn't told that it is gone.
        self.fake("gcloud", "exit 4")
        refused = self.run_with_fakes(SCRIPT, "down", "--project", "demo-1")
        self.assertEqual(refused.returncode, 4)
        self.assertNotIn("gone", refused.stdout)

    def test_mistakes_are_told_before_anything_is_done(self):
        for arguments in [(), ("--project",), ("--project", "--dry-run"), ("--projekt", "x"), ("up", "--project", "x", "--nodes", "many"),
                          ("--project", "x", "--bucket", "a|e id;")]:
            with self.subTest(arguments):
                ran = self.run_with_fakes(SCRIPT, *arguments)
                self.assertEqual((ran.returncode, self.calls()), (2, []))
                self.assertIn("error: ", ran.stderr)
        help_text = self.run_with_fakes(SCRIPT, "--help")
        self.assertEqual(help_text.returncode, 0)
        self.assertIn("--dry-run", help_text.stdout)

    def test_a_program_that_is_missing_is_named(self):
        tools = self.folder / "tools"
        tools.mkdir()
        for tool in ("bash", "cat", "dirname", "env", "git", "kubectl"):
            (tools / tool).symlink_to(next(path for path in map("{}/".format, ("/usr/bin", "/bin")) if (ROOT / path).exists()) + tool)
        missing = self.run_with_fakes(SCRIPT, *UP, PATH=str(tools))
        self.assertEqual(missing.returncode, 3, missing.stderr)
        self.assertIn("gcloud", missing.stderr)
        told = self.run_with_fakes(SCRIPT, *UP, "--dry-run", PATH=str(tools))
        self.assertEqual(told.returncode, 0, told.stderr)


if __name__ == "__main__":
    unittest.main()
