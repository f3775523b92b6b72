#!/usr/bin/env python3
"""Holds rendered manifests against our programs, the image and each other.

    kustomize build deploy/kubernetes/overlays/minikube | tests/kubernetes/check.py target/release

Reads manifests on standard input, asks the programs in that folder for their --help, and says all that is wrong. Exit code 0 if
nothing is, 1 if something is. That the manifests are ones of Kubernetes is for kubernetes-validate to say.
"""

import functools
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import wiring
import yaml

SECRETS = {"flightline-cluster": {"cluster.secret", "token"}, "flightline-jobs": set(), "flightline-tls": {"tls.crt", "tls.key"}}
MESH = range(7100, 7200)
# Which pods reach which port of which others; 5000 is reached by everybody.
REACHED = {
    (caller, callee, port)
    for callee, port, callers in [
        ("master", 7077, "worker start client"),
        ("master", 8080, "client"),
        ("worker", 7078, "master"),
        ("worker", 7100, "worker"),
        ("worker", 7199, "worker"),
        ("kafka", 9092, "worker web kafka"),
        ("mongodb", 27017, "worker web start mongodb mongodb-initiate"),
    ]
    for caller in callers.split()
}
PORTS = {"master": [7077, 8080], "worker": [7078, 7099, 7100, 7199, 7200, 8081, 9464], "web": [], "start": [],
         "client": [], "kafka": [9092, 9093], "mongodb": [27017], "mongodb-initiate": []}
UNITS = {"": 1, "m": 1e-3, "M": 2**20, "G": 2**30, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}

wrong = []


def expect(holds, sentence):
    """Notes what is wrong, if it doesn't hold."""
    if not holds:
        wrong.append(sentence)


def amount(text):
    """`2Gi`, `250m`, and `4G` as our programs read it."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()
    return float(number) * UNITS[unit]


class World:
    """The manifests, by kind and name."""

    def __init__(self, text, programs):
        self.all = [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]
        self.programs = programs

    def of(self, *kinds):
        return [document for document in self.all if document["kind"] in kinds]

    def names(self, kind):
        return {document["metadata"]["name"]: document for document in self.of(kind)}

    def workloads(self):
        for document in self.of("Deployment", "StatefulSet", "Job"):
            yield document["metadata"]["name"], document["spec"]["template"]

    @functools.cache  # noqa: B019
    def help(self, *words):
        return subprocess.run([self.programs / words[0], *words[1:], "--help"], check=True, capture_output=True, text=True).stdout

    def flags(self, *words):
        return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", self.help(*words)))

    def refused(self, texts):
        """What a streaming job says of a configuration that it doesn't take."""
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / f"{number}.toml" for number in range(len(texts))]
            for file, text in zip(files, texts, strict=True):
                file.write_text(text)
            command = [self.programs / "predict", *(f"--config={file}" for file in files), "--dump-config"]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            return ended.stderr if ended.returncode else ""

    @staticmethod
    def default(name):
        """The text of one of the configurations that the project has for everybody."""
        return (Path(__file__).resolve().parents[2] / "config" / name).read_text()

    def variables(self, container):
        """All variables with their values; those of a secret without."""
        given = {}
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                given |= self.names("ConfigMap")[source["configMapRef"]["name"]]["data"]
        return given | {one["name"]: one.get("value") for one in container.get("env", [])}


def containers(template):
    spec = template["spec"]
    return spec.get("initContainers", []) + spec["containers"]


def check_rights(world):
    for name, template in world.workloads():
        spec = template["spec"]
        pod = spec["securityContext"]
        expect(pod["runAsNonRoot"] and pod["runAsUser"] > 0, f"{name} could run as root")
        expect(pod["seccompProfile"]["type"] == "RuntimeDefault", f"{name} has no seccomp profile")
        expect(spec["enableServiceLinks"] is False, f"{name} gets variables of Kubernetes' making")
        expect(spec["automountServiceAccountToken"] is False, f"{name} gets a token of Kubernetes")
        for container in containers(template):
            at = f"{name}/{container['name']}"
            own = container["securityContext"]
            closed = own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True
            expect(closed and own["capabilities"] == {"drop": ["ALL"]}, f"{at} has rights that it doesn't need")
            resources = container["resources"]
            expect({"cpu", "memory"} <= set(resources["requests"]) and "memory" in resources["limits"], f"{at} has no limits")
            expect("flightline" not in container["image"].lower() or pod["runAsUser"] == 10001, f"{at} is not the image's user")
    expect(not world.of("Secret"), "a secret is among the manifests")


def check_references(world):
    claims, maps = world.names("PersistentVolumeClaim"), world.names("ConfigMap")
    for name, template in world.workloads():
        volumes = {volume["name"]: volume for volume in template["spec"].get("volumes", [])}
        owner = world.names("StatefulSet").get(name)
        volumes |= {one["metadata"]["name"]: {} for one in (owner or {"spec": {}})["spec"].get("volumeClaimTemplates", [])}
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            expect(claim is None or claim in claims, f"{name}: there is no claim {claim}")
            config = volume.get("configMap", {}).get("name")
            expect(config is None or config in maps, f"{name}: there is no ConfigMap {config}")
            secret = volume.get("secret", {})
            known = SECRETS.get(secret.get("secretName"), set())
            expect(not secret or known, f"{name}: nobody makes the secret {secret.get('secretName')}")
            expect({item["key"] for item in secret.get("items", [])} <= known, f"{name}: nobody makes a key of {secret}")
        for container in containers(template):
            for mount in container.get("volumeMounts", []):
                expect(mount["name"] in volumes, f"{name}/{container['name']}: there is no volume {mount['name']}")
        if owner:
            service = world.names("Service").get(owner["spec"]["serviceName"])
            expect(service and service["spec"].get("clusterIP") == "None", f"{name} has no headless service")


def check_flags(world):
    """Each program knows what it is given, and listens where its ports are said to be."""
    ours = {"master", "worker", "web"}
    for _, template in world.workloads():
        for container in template["spec"]["containers"]:
            program = container["command"][0]
            if program not in ours:
                continue
            given = dict((word.split("=", 1) + [""])[:2] for word in container["args"])
            expect(set(given) <= world.flags(program), f"{program} has no {set(given) - world.flags(program)}")
            variables = world.variables(container)
            known = set(re.findall(r"\[env:\s+(\w+)=", world.help(program)))
            strange = {one for one in variables if one.startswith("FLIGHTLINE_")} - known
            expect(not strange, f"{program} knows no {strange}")
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            said = {value.rsplit(":", 1)[1] for flag, value in given.items() if flag in ("--rpc", "--ui", "--listen")}
            said |= {value.rsplit(":", 1)[-1] for key, value in variables.items() if key in ("FLIGHTLINE_WORKER_UI", "FLIGHTLINE_WORKER_RPC_PORT")}
            expect({int(port) for port in said} == set(ports.values()), f"{program} listens on {said}, and says {ports}")
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                asked = container.get(probe, {}).get("httpGet")
                expect(asked or not container.get(probe), f"{probe} of {program} asks otherwise than by HTTP")
                if asked:
                    port = ports[asked["port"]]
                    expect(port not in MESH and port not in (7077, 7078), f"{probe} of {program} asks port {port}")
            asked = {probe: container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")}
            # To end a worker since its master is away would end its jobs, and to end a page since Kafka is brings nothing back.
            of_page = {"livenessProbe": "/flights/delays/predict_kafka", "readinessProbe": "/health"}
            right = of_page if program == "web" else {"livenessProbe": "/health", "readinessProbe": "/ready"}
            expect(asked == right, f"{program} is asked for {asked}")


def check_worker(world):
    template = world.names("StatefulSet")["flightline-worker"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    variables = world.variables(container)
    free = amount(container["resources"]["limits"]["memory"]) - amount(variables["FLIGHTLINE_WORKER_MEMORY"])
    expect(free >= 512 * 2**20, f"a worker's agent has {free / 2**20} MiB beside its jobs")
    (grace,) = [int(word.split("=")[1]) for word in container["args"] if word.startswith("--grace=")]
    expect(template["spec"]["terminationGracePeriodSeconds"] >= grace + 20, "a worker is killed before it has drained")
    first, last = map(int, variables["FLIGHTLINE_WORKER_MESH_PORTS"].split("-"))
    expect((first, last) == (MESH.start, MESH.stop - 1), "the mesh has other ports than the policies say")
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    for root in variables["FLIGHTLINE_WORKER_ROOTS"].split(":"):
        expect(root in mounted or root == "/usr/share/flightline/data", f"jobs' folder {root} is not there")
    for key in ("FLIGHTLINE_WORKER_FOLDER", "FLIGHTLINE_CLUSTER_SECRET_FILE"):
        expect(any(variables[key].startswith(folder + "/") for folder in mounted), f"{key} can't be written")
    master = variables["FLIGHTLINE_MASTER"].split(":")
    service = world.names("Service").get(master[0])
    expect(service and int(master[1]) in [port["port"] for port in service["spec"]["ports"]], "workers call no master")
    check_sizes(world, variables)


def check_sizes(world, worker):
    """All jobs of the start have room at once, as when a model is trained while the stream runs."""
    (start,) = [data["data"] for name, data in world.names("ConfigMap").items() if "STREAM_PROCESSES" in data["data"]]
    workers = world.names("StatefulSet")["flightline-worker"]["spec"]["replicas"]
    processes = [int(start[f"{job}_PROCESSES"]) for job in ("TRAIN", "STREAM")]
    needed = sum(count * amount(start[f"{job}_MEMORY"]) for count, job in zip(processes, ("TRAIN", "STREAM"), strict=True))
    expect(sum(processes) <= workers * int(worker["FLIGHTLINE_WORKER_CORES"]), "the workers have too few cores")
    expect(needed <= workers * amount(worker["FLIGHTLINE_WORKER_MEMORY"]), "the workers have too little memory")
    script = "".join(data["data"].get("start.sh", "") for data in world.of("ConfigMap"))
    expect(set(start) == set(re.findall(r"\$([A-Z_]+)", script)), "start.env and start.sh name different variables")
    for line in re.findall(r"submit (train|predict|upgrade) (.*?) -- (.*?)(?:\)| \|\||\n)", script.replace("\\\n", " ")):
        program, asked, own = line
        # What is upgraded is the stream.
        for words, text in ((("submit", program), asked), (("predict" if program == "upgrade" else program,), own)):
            flags = set(re.findall(r"--[a-z-]+", text))
            expect(flags and flags <= world.flags(*words), f"{words} has no {flags - world.flags(*words)}")
    looked = set(re.findall(r"--[a-z-]+", re.search(r"model verify (.*?) ", script)[1]))
    expect(looked <= world.flags("model", "verify"), f"model verify has no {looked}")
    imported = set(re.findall(r"--[a-z-]+", re.search(r"import distances (.*?) ;;", script)[1]))
    expect(imported <= world.flags("import", "distances"), f"import distances has no {imported}")


def check_job(world):
    """The job's configuration is one for our programs, and names what is there."""
    (data,) = [one["data"] for one in world.of("ConfigMap") if "job.toml" in one["data"]]
    job, place = tomllib.loads(data["job.toml"]), tomllib.loads(data["place.toml"])
    (master,) = world.names("Deployment")["flightline-master"]["spec"]["template"]["spec"]["containers"]
    models = place["model"]["registry"]
    expect(f"--models={models}" in master["args"], "the master shows other models than the job uses")
    (start,) = [one["data"] for one in world.of("ConfigMap") if "MODELS" in one["data"]]
    expect(start["MODELS"] == models, "the start trains other models than the job uses")
    for address, name in ((job["kafka"]["brokers"], "flightline-kafka"), (job["mongodb"]["url"], "flightline-mongodb")):
        host, port = re.search(r"([\w.-]+):(\d+)", address.removeprefix("mongodb://")).groups()
        expect(host == f"{name}-0.{name}", f"{host} is no pod")
        expect(int(port) in [one["port"] for one in world.names("Service")[name]["spec"]["ports"]], f"{host} has no port {port}")
    shared = "flightline-files" in world.names("PersistentVolumeClaim")
    for url in (place["job"]["state"], place["sinks"]["files"]["url"], models):
        below = url.removeprefix("file:").startswith("/srv/flightline/")
        expect(shared if below else url.startswith("gs://"), f"{url} is shared by nobody")


def admits(world, caller, callee, port):
    """Whether policies let a pod of ours go to another one, and whether they let it in."""

    def selects(selector, name):
        labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "flightline"}
        one = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
        return one and all(labels.get(rule["key"]) in rule["values"] for rule in selector.get("matchExpressions", []))

    def passes(direction, pod, side, other):
        for policy in world.of("NetworkPolicy"):
            spec = policy["spec"]
            if direction not in spec["policyTypes"] or not selects(spec["podSelector"], pod):
                continue
            for rule in spec.get(direction.lower(), []):
                peers, ports = rule.get(side), rule.get("ports")
                is_peer = peers is None or any("podSelector" in peer and selects(peer["podSelector"], other) for peer in peers)
                if is_peer and any(one["port"] <= port <= one.get("endPort", one["port"]) for one in ports):
                    return True
        return False

    return passes("Egress", caller, "to", callee), passes("Ingress", callee, "from", caller)


def check_network(world):
    deny = world.names("NetworkPolicy")["default-deny"]["spec"]
    expect(deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, "not everything is denied by default")
    for callee, ports in PORTS.items():
        for caller in PORTS:
            for port in ports:
                should, (goes, comes) = (caller, callee, port) in REACHED, admits(world, caller, callee, port)
                expect(should == goes, f"{caller} may{'' if goes else ' not'} go to port {port} of {callee}")
                expect(should == comes, f"{callee} does{'' if comes else ' not'} let {caller} in at port {port}")
    page = world.names("NetworkPolicy")["web"]["spec"]["ingress"]
    expect(page == [{"ports": [{"protocol": "TCP", "port": 5000}]}], "not everybody reaches the page")
    service = world.names("Service")["flightline-web"]["spec"]
    expect([port["nodePort"] for port in service["ports"]] == [30500], "the page is not at port 30500 of each node")
    for policy in world.names("PodDisruptionBudget").values():
        pods = [template for _, template in world.workloads()
                if policy["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()]
        expect(len(pods) == 1, f"the budget {policy['metadata']['name']} is of no pods")
    expect(world.names("Deployment")["flightline-master"]["spec"]["strategy"] == {"type": "Recreate"}, "two masters at once")


def main():
    world = World(sys.stdin.read(), Path(sys.argv[1]))
    for check in (check_rights, check_references, check_flags, check_worker, check_job, check_network):
        check(world)
    wrong.extend(wiring.mistakes(world))
    for sentence in wrong:
        print(f"wrong: {sentence}", file=sys.stderr)
    print(f"{len(world.all)} manifests, {len(wrong)} mistakes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
