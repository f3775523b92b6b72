"""Whether what one manifest names is what another one has: labels, ports, files, variables, accounts. Part of check.py, which
says what `world` is; each function yields a sentence for each mistake."""

import re
from pathlib import PurePosixPath

# What our image holds, see Dockerfile, and that of Kafka; and what every container has.
IN_IMAGE = ("/usr/share/flightline/data", "/opt/kafka/bin/", "/dev/")
OURS = {"master", "worker", "web", "start"}


def mistakes(world):
    """All that is wrong."""
    for looks in (labels, services, addresses, budgets, rights, paths, variables, configuration):
        yield from looks(world)


def labels(world):
    """Policies and services find pods by these two labels, so both are as the policies of check.py take them to be."""
    for document in world.of("Deployment", "StatefulSet", "Job"):
        name, template = document["metadata"]["name"], document["spec"]["template"]
        wanted = {"app.kubernetes.io/name": name.removeprefix("flightline-"), "app.kubernetes.io/part-of": "flightline"}
        if template["metadata"]["labels"] != wanted:
            yield f"the pods of {name} have the labels {template['metadata']['labels']}"
        if document["spec"].get("selector", {"matchLabels": wanted})["matchLabels"] != wanted:
            yield f"{name} selects other pods than its own"


def services(world):
    """A service leads to pods that are there, at ports that these have."""
    for name, service in world.names("Service").items():
        pods = [template for _, template in world.workloads() if template["metadata"]["labels"] == service["spec"]["selector"]]
        if len(pods) != 1:
            yield f"the service {name} leads to no pods"
            continue
        had = {port["name"]: port["containerPort"] for one in pods[0]["spec"]["containers"] for port in one.get("ports", [])}
        for port in service["spec"]["ports"]:
            if had.get(port["targetPort"]) != port["port"]:
                yield f"the service {name} leads from port {port['port']} to {port['targetPort']}, and its pods have {had}"


def addresses(world):
    """Wherever one of our services is named with a port, it has that port."""
    served = {name: {port["port"] for port in one["spec"]["ports"]} for name, one in world.names("Service").items()}
    for at, text in texts(world):
        for host, port in re.findall(r"\b(flightline-[a-z]+)(?:-\d+)?(?:\.[\w.-]+)?:(\d+)", text):
            if int(port) not in served.get(host, set()):
                yield f"{at} calls {host}:{port}, and its ports are {served.get(host)}"
    for name, template in world.workloads():
        for container in template["spec"]["containers"]:
            listened = {int(port) for text in strings(container) for port in re.findall(r"--port=(\d+)", text)}
            for volume in template["spec"].get("volumes", []):
                text = config_map(world, volume).get("server.properties", "")
                listened |= {int(port) for port in re.findall(r"\w+://\w*:(\d+)", text)}
                listened -= {int(port) for port in re.findall(r"quorum.voters=\d+@\w+:(\d+)", text)}
            had = {port["containerPort"] for port in container.get("ports", [])}
            if listened and listened != had:
                yield f"{name} listens on {listened}, and says {had}"


def budgets(world):
    """A node can be emptied, or lost, and not all pods at once with it."""
    for name, budget in world.names("PodDisruptionBudget").items():
        selector = budget["spec"]["selector"]["matchLabels"]
        for workload in world.of("Deployment", "StatefulSet"):
            replicas = workload["spec"]["replicas"]
            spec = budget["spec"]
            gone = spec.get("maxUnavailable", replicas - spec.get("minAvailable", 0))
            if selector != workload["spec"]["selector"]["matchLabels"]:
                continue
            if gone != 1:
                yield f"the budget {name} lets {gone} of {replicas} pods go at a time"
            spread = workload["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
            if [(one["topologyKey"], one["labelSelector"]) for one in spread] != [("kubernetes.io/hostname", {"matchLabels": selector})]:
                yield f"nothing keeps the pods of {workload['metadata']['name']} from being on one node"
    if set(world.names("PodDisruptionBudget")) != {"flightline-worker", "flightline-web"}:
        yield "workers and pages have a disruption budget each, and nobody else has"


def rights(world):
    """Files are made for the user that runs, and the account is there."""
    for name, template in world.workloads():
        pod = template["spec"]["securityContext"]
        if not pod["runAsUser"] == pod["runAsGroup"] == pod.get("fsGroup", pod["runAsGroup"]):
            yield f"{name} has files of another group than its own"
        if name.removeprefix("flightline-") in OURS:
            if (account := template["spec"].get("serviceAccountName")) not in world.names("ServiceAccount"):
                yield f"{name}: there is no account {account}"


def paths(world):
    """A file that a container is told of is on one of its volumes, and there it is made by somebody."""
    for name, template in world.workloads():
        volumes = {volume["name"]: volume for volume in template["spec"].get("volumes", [])}
        installed = installs(template)
        for container in template["spec"].get("initContainers", []) + template["spec"]["containers"]:
            at = f"{name}/{container['name']}"
            mounts = {mount["mountPath"]: mount for mount in container.get("volumeMounts", [])}
            if "install" not in container["command"] and "/tmp" not in mounts:
                yield f"{at} has no /tmp that can be written"
            told = " ".join([*strings(container), *(value or "" for value in world.variables(container).values())])
            if "/opt/start/start.sh" in told:
                told += " ".join(re.findall(r":-(/[\w./-]+)\}", script(world)))
            for path in re.findall(r"(?<![\w./:-])/[a-z][\w.-]*(?:/[\w.-]+)*", told):
                if path.startswith(IN_IMAGE):
                    continue
                folder = next((one for one in map(str, [PurePosixPath(path), *PurePosixPath(path).parents]) if one in mounts), None)
                if folder is None:
                    yield f"{at} is told of {path}, which is on none of its volumes"
                elif not there(world, volumes.get(mounts[folder]["name"]), path[len(folder) + 1 :], folder, installed):
                    yield f"{at} is told of {path}, which nobody makes"


def installs(template):
    """What the first containers copy: files by their names, and the folder that they are copied to."""
    files, into = set(), set()
    for container in template["spec"].get("initContainers", []):
        if container["command"][0] == "install":
            *_, flag, folder = container["command"][: container["command"].index("-t") + 2]
            into.add((flag, folder)[1])
            files |= {PurePosixPath(path).name for path in container["command"] if path.startswith("/etc/flightline-secrets/")}
    return {f"{folder}/{name}" for folder in into for name in files}


def there(world, volume, name, folder, installed):
    """Whether a volume will hold a file. Folders of programs are theirs to fill."""
    if not name or volume is None or "persistentVolumeClaim" in volume:
        return True
    if "configMap" in volume:
        return name in config_map(world, volume)
    if "secret" in volume:
        items = volume["secret"].get("items", [{"path": key} for key in ("cluster.secret", "token", "tls.crt", "tls.key")])
        return name in {item["path"] for item in items}
    return volume["emptyDir"].get("medium") != "Memory" or f"{folder}/{name}" in installed


def variables(world):
    """The start gives `submit` what it knows; a variable that stands for another one is there."""
    # Its help says nothing of the variable that is the token itself.
    known = {"FLIGHTLINE_TOKEN", *re.findall(r"FLIGHTLINE_[A-Z_]+", world.help("submit") + script(world))}
    for name, template in world.workloads():
        for container in template["spec"].get("initContainers", []) + template["spec"]["containers"]:
            given = world.variables(container)
            if name == "flightline-start":
                strange = {one for one in given if one.startswith("FLIGHTLINE_")} - known
                if strange:
                    yield f"{name}/{container['name']}: submit and start.sh know no {strange}"
                wanted = {"FLIGHTLINE_MASTER", "FLIGHTLINE_TOKEN"} if container["name"] != "import" else set()
                if not wanted <= set(given):
                    yield f"{name}/{container['name']} is not told {wanted - set(given)}"
            for variable in re.findall(r"\$\((\w+)\)", " ".join(strings(container))):
                if variable not in given:
                    yield f"{name}/{container['name']} has no variable {variable}"


def configuration(world):
    """Our programs take the job's configuration, whose names are those that the course's clients know."""
    maps = [one["data"] for one in world.of("ConfigMap") if "job.toml" in one["data"]]
    for data in maps:
        for files in (("job.toml", "place.toml"), ("job.toml",)):
            if said := world.refused([data[name] for name in files]):
                yield f"{' and '.join(files)}: {said}"
    urls = re.findall(r'^url = "((?:kafka|mongodb):(?:topic|collection)/.*)"$', maps[0]["job.toml"], re.MULTILINE)
    servers = re.findall(r'^url = "((?:kafka|mongodb):(?:topic|collection)/.*)"$', world.default("servers.toml"), re.MULTILINE)
    if sorted(urls) != sorted(servers):
        yield f"topics and collections are {urls}, and elsewhere {servers}"


def texts(world):
    """All that is told to programs, with where it stands."""
    for name, template in world.workloads():
        for container in template["spec"].get("initContainers", []) + template["spec"]["containers"]:
            yield name, " ".join([*strings(container), *(value or "" for value in world.variables(container).values())])
    for name, document in world.names("ConfigMap").items():
        yield from ((f"{name}/{key}", text) for key, text in document["data"].items())


def strings(container):
    """The command line of a container."""
    return [*container["command"], *container.get("args", [])]


def script(world):
    """The text of start.sh."""
    return "".join(one["data"].get("start.sh", "") for one in world.of("ConfigMap"))


def config_map(world, volume):
    """What a volume shows of a ConfigMap, if it does."""
    name = volume.get("configMap", {}).get("name")
    return world.names("ConfigMap")[name]["data"] if name in world.names("ConfigMap") else {}
