//! What a process is started with: its arguments and its environment. Pure.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::guard::carried_name;
use crate::ids::ProcessRef;
use crate::job::spec::JobSpec;

/// The variable that tells a process where its cord to the agent is, and what it says.
pub(super) const CORD: (&str, &str) = ("FLIGHTLINE_CORD", "stdin");

/// Variables that a process may have from its agent.
const PASSED: [&str; 7] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "JAVA_HOME"];

/// How the names of further ones begin.
const PASSED_PREFIXES: [&str; 6] = ["SSL_CERT_", "HADOOP_", "KRB5", "AWS_", "GOOGLE_", "FLIGHTLINE_"];

/// How names begin of what opens the cluster itself. No job gets it.
const SECRET_PREFIXES: [&str; 2] = ["FLIGHTLINE_TOKEN", "FLIGHTLINE_CLUSTER_SECRET"];

/// Where a process finds what its agent has made for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    /// The addresses of all processes.
    pub(super) hostfile: &'a Path,
    /// The secret of the mesh.
    pub(super) secret: &'a Path,
    /// The folder of the carried files.
    pub(super) carried: &'a Path,
}

/// All arguments. The agent's own come first, so that no `--` of the job stands before them.
pub(super) fn arguments(id: ProcessRef, spec: &JobSpec, places: Places<'_>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut give = |flag: &str, value: &OsStr| arguments.extend([flag.into(), value.to_owned()]);
    if spec.program.spreads() {
        give("-w", spec.cores.to_string().as_ref());
        if spec.processes.get() > 1 {
            give("-n", spec.processes.to_string().as_ref());
            give("-p", id.process.to_string().as_ref());
            give("-h", places.hostfile.as_os_str());
            give("--secret-file", places.secret.as_os_str());
        }
        give("--generation", id.generation.to_string().as_ref());
    }
    arguments.extend(spec.args.iter().map(|word| match carried_name(word) {
        Some((before, name)) => {
            let mut argument = OsString::from(before);
            argument.push(places.carried.join(name));
            argument
        }
        None => word.into(),
    }));
    arguments
}

/// What a process has of these variables, and the one of the cord.
pub(super) fn environment(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let mut passed: Vec<_> = variables.into_iter().filter(|(name, _)| name.to_str().is_some_and(is_passed)).collect();
    passed.push((CORD.0.into(), CORD.1.into()));
    passed
}

/// Whether a process has this variable of its agent.
pub(crate) fn is_passed(name: &str) -> bool {
    let begins_with = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    (PASSED.contains(&name) || begins_with(&PASSED_PREFIXES)) && !begins_with(&SECRET_PREFIXES) && name != CORD.0
}

#[cfg(test)]
mod tests {
    use flightline_engine::ids::{ProcessCount, ProcessIndex};

    use super::*;
    use crate::ids::{Cores, Generation, JobId};
    use crate::job::spec::Program;
    use crate::samples;

    fn line(program: Program, processes: usize, args: &[&str]) -> String {
        let id = ProcessRef { job: JobId(7), generation: Generation(3), process: ProcessIndex::new(1) };
        let (cores, processes) = (Cores(4), ProcessCount::new(processes));
        let spec = JobSpec { cores, processes, ..samples::spec(program, args) };
        let places = Places {
            hostfile: Path::new("/f/hosts"),
            secret: Path::new("/f/secret"),
            carried: Path::new("/f/carried"),
        };
        arguments(id, &spec, places).join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn the_agents_flags_come_first_and_only_where_they_are_understood() {
        let mesh = "-w 4 -n 2 -p 1 -h /f/hosts --secret-file /f/secret --generation 3 --input x";
        assert_eq!(line(Program::Train, 2, &["--input", "x"]), mesh);
        assert_eq!(line(Program::Predict, 1, &["--", "x"]), "-w 4 --generation 3 -- x");
        assert_eq!(line(Program::Model, 1, &["list"]), "list");
    }

    #[test]
    fn carried_files_are_named_where_they_stand() {
        let args = ["{carried}/a.toml", "--config={carried}/a b.toml", "carried/a"];
        assert_eq!(line(Program::Model, 1, &args), "/f/carried/a.toml --config=/f/carried/a b.toml carried/a");
    }

    #[test]
    fn of_the_agents_variables_only_some_are_passed_on_and_never_a_secret_of_the_cluster() {
        let names = [
            "PATH",
            "PATHOLOGY",
            "SSL_CERT_FILE",
            "KRB5CCNAME",
            "HADOOP_CONF_DIR",
            "AWS_REGION",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "FLIGHTLINE_LOG",
            "FLIGHTLINE_TOKEN",
            "FLIGHTLINE_TOKEN_FILE",
            "FLIGHTLINE_CLUSTER_SECRET",
            "FLIGHTLINE_CLUSTER_SECRET_FILE",
            "FLIGHTLINE_CORD",
            "LD_PRELOAD",
            "RUST_LOG",
            "HOME",
        ];
        let passed = environment(names.map(|name| (name.into(), "value".into())));
        let shown: Vec<String> =
            passed.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
        assert_eq!(
            shown.join(" "),
            "PATH=value SSL_CERT_FILE=value KRB5CCNAME=value HADOOP_CONF_DIR=value AWS_REGION=value \
             GOOGLE_APPLICATION_CREDENTIALS=value FLIGHTLINE_LOG=value HOME=value FLIGHTLINE_CORD=stdin"
        );
    }
}
