//! From a command line to a job.

use std::fs;
use std::path::Path;

use flightline_engine::ids::ProcessCount;

use super::flags::{RunFlags, UpgradeFlags};
use crate::guard::CARRIED;
use crate::ids::Cores;
use crate::job::spec::{CarriedFile, JobSpec, Program};
use crate::job::upgrade::Changes;

/// Arguments that name a file which travels with the job.
const CARRYING: &str = "--config";

/// The job that is asked for, with the files that travel with it, which are read here.
///
/// # Errors
/// All mistakes, a sentence each.
pub fn spec(program: Program, flags: &RunFlags) -> Result<JobSpec, Vec<String>> {
    let mut mistakes = Vec::new();
    let (args, files) = carry(&flags.args, &mut mistakes);
    let spec = JobSpec {
        name: flags.name.clone().unwrap_or_else(|| program.to_string()),
        program,
        args,
        files,
        processes: ProcessCount::new(flags.processes),
        cores: Cores(flags.cores),
        memory: flags.memory,
        supervise: flags.supervise,
        every: flags.every,
    };
    let mistakes: Vec<String> = spec.check().iter().map(ToString::to_string).chain(mistakes).collect();
    if mistakes.is_empty() { Ok(spec) } else { Err(mistakes) }
}

/// What shall be other than before, with the files that travel with the job, which are read here. Without arguments, those of
/// before stay, and their files do.
///
/// # Errors
/// All mistakes, a sentence each.
pub fn changes(flags: &UpgradeFlags) -> Result<Changes, Vec<String>> {
    let mut mistakes = Vec::new();
    let carried = (!flags.args.is_empty()).then(|| carry(&flags.args, &mut mistakes));
    let (args, files) = carried.unzip();
    let changes = Changes {
        name: flags.name.clone(),
        program: None,
        args,
        files,
        processes: flags.processes.map(ProcessCount::new),
        cores: flags.cores.map(Cores),
        memory: flags.memory,
        supervise: flags.supervise,
        every: None,
    };
    if mistakes.is_empty() { Ok(changes) } else { Err(mistakes) }
}

/// Replaces each `--config FILE` by the place that its copy will have.
fn carry(words: &[String], mistakes: &mut Vec<String>) -> (Vec<String>, Vec<CarriedFile>) {
    let (mut args, mut files) = (Vec::new(), Vec::<CarriedFile>::new());
    let mut is_file = false;
    for word in words {
        let path = match word.split_once('=') {
            Some((CARRYING, path)) => Some(path),
            _ if is_file => Some(word.as_str()),
            _ => None,
        };
        let Some(path) = path else {
            is_file = word == CARRYING;
            args.push(word.clone());
            continue;
        };
        let name = name_of(path, &files);
        match fs::read_to_string(path) {
            Ok(text) => files.push(CarriedFile { name: name.clone(), text }),
            Err(error) => mistakes.push(format!("{CARRYING} {path} can't be read: {error}")),
        }
        let place = format!("{CARRIED}{name}");
        args.push(if is_file { place } else { format!("{CARRYING}={place}") });
        is_file = false;
    }
    (args, files)
}

/// The file's own name; with a number before it if another one has that.
fn name_of(path: &str, files: &[CarriedFile]) -> String {
    let name = Path::new(path).file_name().map_or_else(|| "config.toml".into(), |name| name.to_string_lossy());
    if files.iter().any(|file| file.name == name) { format!("{}-{name}", files.len()) } else { name.into_owned() }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::submit::flags::SubmitFlags;

    fn asked(line: &[&str]) -> Result<JobSpec, Vec<String>> {
        let flags = SubmitFlags::parse_from([&["submit"], line].concat());
        let (program, flags) = flags.what.run().unwrap();
        spec(program, flags)
    }

    #[test]
    fn configuration_travels_with_the_job() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["a/my.toml", "b/my.toml"].map(|name| folder.path().join(name));
        for (path, text) in [(&one, "x = 1"), (&other, "x = 2")] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let equals = format!("--config={}", other.display());
        let spec = asked(&["predict", "--", "--config", one.to_str().unwrap(), &equals, "--set", "a.b=c"]).unwrap();
        assert_eq!(spec.args, ["--config", "{carried}/my.toml", "--config={carried}/1-my.toml", "--set", "a.b=c"]);
        let texts: Vec<(&str, &str)> = spec.files.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
        assert_eq!(texts, [("my.toml", "x = 1"), ("1-my.toml", "x = 2")]);
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let mistakes = asked(&["model", "--cores", "2", "--supervise", "--every", "1h", "--", "--config", "/no/such"])
            .unwrap_err();
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        assert!(mistakes[0].contains("one process") && mistakes[2].contains("/no/such"), "{mistakes:?}");
    }
}
