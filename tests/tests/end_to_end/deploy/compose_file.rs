//! `docker-compose.yml` held against what reads it, against the programs that it starts, and against what docs/deploy.md says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;

use flightline_tests::compose::{ComposeFile, Dockerfile, Service, Source, files_below, raw};
use flightline_tests::{Folder, Invocation, project_root};
use serde_json::json;

use super::{compose_file, programs};

/// The pages, and the ports on this machine's loopback at which they are.
const PAGES: [(&str, u16); 4] = [("web", 5000), ("master", 8080), ("namenode", 9870), ("notebook", 8888)];
/// Where the notebook's service has what it reads from its environment.
const NOTEBOOKS: [&str; 3] = ["notebooks/flights.ipynb", "clients/python/src", "deploy/notebook"];
/// Checks the JSON on standard input against a schema. The library comes with Debian's docker-compose.
const CHECK: &str = "
import json, sys
from jsonschema import validators
schema = json.load(open(sys.argv[1], encoding='utf-8'))
faults = list(validators.validator_for(schema)(schema).iter_errors(json.load(sys.stdin)))
print(*(f'{list(fault.path)}: {fault.message}' for fault in faults), sep='\\n')
sys.exit(bool(faults))
";

#[test]
fn docker_compose_takes_the_file() {
    Invocation::of("docker-compose", project_root()).words("config --quiet").succeed();
    let folder = Folder::new();
    folder.write("docker-compose.yml", "services: { one: { image: some, portz: [1] } }\n");
    let refused = Invocation::of("docker-compose", folder.path()).words("config --quiet").finish();
    assert!(!refused.status.success() && refused.stderr.contains("portz"), "{refused}");
}

#[test]
fn the_specifications_schema_takes_the_file() {
    let folder = Folder::new();
    let check = |file: &serde_json::Value| {
        let file = folder.write("file.json", file.to_string());
        let schema = project_root().join("tests/fixtures/compose-spec.json");
        let line = Invocation::of("/usr/bin/python3", folder.path()).args(["-c", CHECK]).arg(schema);
        line.stdin(File::open(file).expect("it was just written")).finish()
    };
    let mut file = raw(&project_root().join("docker-compose.yml"));
    let taken = check(&file);
    assert!(taken.status.success(), "{taken}");
    file["services"]["web"]["portz"] = json!([1]);
    let refused = check(&file);
    assert!(!refused.status.success() && refused.stdout.contains("portz"), "{refused}");
}

#[test]
fn only_pages_are_published_and_only_on_this_machine() {
    let file = compose_file();
    assert!(file.networks["backend"].as_ref().is_some_and(|network| network.internal));
    let wanted: BTreeMap<&str, u16> = PAGES.into();
    for (name, service) in &file.services {
        let networks: Vec<&str> = service.networks.iter().map(String::as_str).collect();
        match wanted.get(name.as_str()) {
            Some(port) => {
                assert_eq!(service.ports, [format!("127.0.0.1:{port}:{port}")], "{name}");
                assert_eq!(networks, ["backend", "published"], "{name}");
            }
            None => {
                assert!(service.ports.is_empty(), "{name} publishes {:?}", service.ports);
                assert_eq!(networks, ["backend"], "{name}");
            }
        }
    }
    for port in wanted.values() {
        assert!(guide().contains(&format!("<http://127.0.0.1:{port}/>")), "docs/deploy.md doesn't name {port}");
    }
}

#[test]
fn every_service_that_stays_says_whether_it_is_well() {
    for (name, service) in compose_file().services {
        assert_eq!(service.healthcheck.is_none(), service.is_once(), "{name}");
        assert!(service.cap_drop.contains("ALL") || name == "mongo", "{name} has capabilities");
        assert!(service.security_opt.contains("no-new-privileges:true"), "{name}");
    }
}

#[test]
fn what_our_services_are_told_is_what_their_programs_ask_for() {
    let programs = programs();
    for (name, service) in ours(&compose_file()) {
        let calls = calls(&service, &programs);
        assert!(!calls.is_empty(), "{name} starts none of our programs");
        let helps: Vec<String> = calls.iter().flat_map(|call| call.helps.clone()).collect();
        for variable in service.environment(project_root()).keys() {
            let known = helps.iter().any(|help| help.contains(&format!("{variable}=")));
            assert!(known, "{name} has {variable}, and none of {calls:?} reads it");
        }
        for call in &calls {
            for flag in &call.flags {
                let known = call.helps.iter().any(|help| words_of(help).contains(flag.as_str()));
                assert!(known, "{name}: {} has no {flag}", call.line);
            }
        }
    }
}

#[test]
fn what_the_notebook_is_told_is_what_it_reads() {
    let read = NOTEBOOKS.iter().flat_map(|path| files_below(&project_root().join(path)));
    let texts: Vec<String> = read.filter_map(|path| fs::read_to_string(path).ok()).collect();
    let file = compose_file();
    for variable in file.services["notebook"].environment(project_root()).keys() {
        assert!(texts.iter().any(|text| text.contains(variable.as_str())), "nobody reads {variable}");
    }
}

#[test]
fn every_file_that_is_named_is_there() {
    let file = compose_file();
    let mut named = BTreeSet::new();
    for (name, service) in &file.services {
        for volume in &service.volumes {
            match &volume.source {
                Source::Path(path) => {
                    assert!(volume.read_only, "{name} may change {path}");
                    assert!(project_root().join(path).exists(), "{name} mounts {path}, which isn't there");
                }
                Source::Named(volume) => {
                    assert!(file.volumes.contains_key(volume), "{name} has {volume}, which is no volume");
                    named.insert(volume);
                }
            }
        }
        for word in words(service).filter(|word| word.starts_with("config/") || word.starts_with("data/")) {
            assert!(project_root().join(&word).is_file(), "{name} reads {word}, which isn't there");
            let folder = format!("/srv/flightline/{}", word.split('/').next().unwrap_or_default());
            let is_mounted = service.volumes.iter().any(|volume| volume.target == folder)
                // A job that is submitted carries its configuration, or finds its data at the worker.
                || service.volumes.iter().any(|volume| volume.target == "/srv/flightline");
            assert!(is_mounted, "{name} reads {word}, and {folder} isn't mounted");
        }
        if let Some(build) = &service.build {
            let dockerfile = Path::new(&build.context).join(build.dockerfile.as_deref().unwrap_or("Dockerfile"));
            let dockerfile = Dockerfile::read(&project_root().join(dockerfile));
            for argument in build.args.keys() {
                assert!(dockerfile.arguments.contains_key(argument), "{name} is built with {argument}, which is none");
            }
        }
    }
    assert_eq!(named, file.volumes.keys().collect(), "volumes that nobody has");
    let guide = guide();
    for name in file.volumes.keys().chain(file.services.keys()).filter(|name| !name.ends_with("-2")) {
        assert!(guide.contains(&format!("`{name}`")), "docs/deploy.md doesn't name {name}");
    }
}

#[test]
fn no_secret_stands_in_the_file() {
    for (name, service) in compose_file().services {
        for (variable, value) in service.environment(project_root()) {
            let is_secret = ["PASSWORD", "SECRET", "TOKEN"].iter().any(|word| variable.contains(word));
            let is_path = variable.ends_with("_FILE") && value.starts_with('/');
            assert!(!is_secret || is_path, "{name}: {variable}={value}");
            assert!(!value.contains('@') || variable == "KAFKA_CONTROLLER_QUORUM_VOTERS", "{name}: {variable}={value}");
        }
        for volume in service.volumes.iter().filter(|volume| name != "master" && !volume.read_only) {
            let is_secret = ["cluster-secret", "token"].iter().any(|secret| volume.target.ends_with(secret));
            assert!(!is_secret, "{name} may change {}", volume.target);
        }
    }
}

#[test]
fn limits_of_memory_are_what_the_guide_says() {
    let file = compose_file();
    let all: u64 = file.services.values().filter(|service| !service.is_once()).map(Service::memory).sum();
    let gibibytes = all.div_ceil(1 << 30);
    let said = format!("nearly {gibibytes} GiB together");
    assert!(guide().contains(&said), "docs/deploy.md doesn't say {said:?}; it is {} MiB", all >> 20);
    for worker in ["worker-1", "worker-2", "worker-3"].map(|name| &file.services[name]) {
        let jobs = worker.environment(project_root()).remove("FLIGHTLINE_WORKER_MEMORY").expect("jobs have a limit");
        let jobs: u64 = jobs.strip_suffix('G').and_then(|jobs| jobs.parse().ok()).expect("it is in GiB");
        assert!((jobs << 30) + (512 << 20) <= worker.memory(), "half a GiB is the agent's");
    }
}

/// A program that a service starts, and what it is told.
#[derive(Debug)]
struct Call {
    line: String,
    flags: Vec<String>,
    /// What the program and its subcommand say of themselves, and those of the program that is submitted.
    helps: Vec<String>,
}

/// The programs of ours that a service's command starts. A script is taken apart into lines, and these into words.
fn calls(service: &Service, programs: &BTreeSet<String>) -> Vec<Call> {
    let command = service.command.clone().unwrap_or_default();
    let lines: Vec<String> = match command.as_slice() {
        [shell, _, script] if shell == "sh" => {
            script.replace("\\\n", " ").split(['\n', ';', '(', ')', '|']).map(str::to_owned).collect()
        }
        words => vec![words.join(" ")],
    };
    let line_of = |line: &String| {
        let words: Vec<&str> = line.split_whitespace().skip_while(|word| !programs.contains(*word)).collect();
        (!words.is_empty()).then(|| call(&words, programs))
    };
    lines.iter().filter_map(line_of).collect()
}

fn call(words: &[&str], programs: &BTreeSet<String>) -> Call {
    let is_flag = |word: &&&str| word.starts_with("--") && word.len() > 2;
    let flags = words.iter().filter(is_flag).map(|word| word.split('=').next().unwrap_or_default().to_owned());
    let program = words[0];
    let own = help(&[program]);
    let subcommand = words[1..].iter().find(|word| !word.starts_with('-'));
    let subcommand = subcommand.filter(|word| own.lines().any(|line| line.trim().split(' ').next() == Some(**word)));
    let mut helps = vec![own.clone()];
    if let Some(subcommand) = subcommand {
        helps.push(help(&[program, subcommand]));
        // What stands behind `--` is for the program itself.
        helps.extend(programs.contains(*subcommand).then(|| help(&[subcommand])));
    }
    Call { line: words.join(" "), flags: flags.collect(), helps }
}

fn help(words: &[&str]) -> String {
    let folder = Folder::new();
    folder.run(words[0]).args(&words[1..]).arg("--help").succeed().stdout
}

fn words_of(help: &str) -> BTreeSet<&str> {
    help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect()
}

/// All words of a service's command, also those of a script in it.
fn words(service: &Service) -> impl Iterator<Item = String> {
    let command = service.command.clone().unwrap_or_default();
    let words: Vec<String> = command.iter().flat_map(|word| word.split_whitespace().map(str::to_owned)).collect();
    words.into_iter()
}

/// The services that are our programs.
fn ours(file: &ComposeFile) -> Vec<(String, Service)> {
    let is_ours = |service: &&Service| service.image == "flightline:latest";
    let ours = file.services.iter().map(|(name, service)| (name.clone(), service.clone()));
    ours.filter(|(_, service)| is_ours(&service)).collect()
}

fn guide() -> String {
    fs::read_to_string(project_root().join("docs/deploy.md")).expect("the guide is there")
}
