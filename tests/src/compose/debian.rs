//! What the packages of Debian on this machine say: which files are theirs, and which packages they need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages that every Debian has, and what these need: what stands in `debian:bookworm-slim`.
#[must_use]
pub fn base() -> BTreeSet<String> {
    let told = told("dpkg-query", &["-W", "-f=${Package} ${Priority} ${Essential}\n"]);
    let is_in = |fields: &[&str]| fields[1..].contains(&"required") || fields[1..].contains(&"yes");
    let fields = told.lines().map(|line| line.split(' ').collect::<Vec<_>>()).filter(|fields| is_in(fields));
    with_needs(fields.map(|fields| fields[0].to_owned()).collect())
}

/// These packages, and all that they need.
#[must_use]
fn with_needs(packages: Vec<String>) -> BTreeSet<String> {
    let told = told("dpkg-query", &["-W", "-f=${Package}\t${Pre-Depends}, ${Depends}\n"]);
    let needs: BTreeMap<&str, &str> = told.lines().filter_map(|line| line.split_once('\t')).collect();
    let (mut all, mut next) = (BTreeSet::new(), packages);
    while let Some(package) = next.pop() {
        // One that isn't installed is one of several that would do.
        let Some(needs) = needs.get(package.as_str()) else { continue };
        if all.insert(package) {
            let names = needs.split([',', '|']).filter_map(|need| need.split_whitespace().next());
            next.extend(names.map(|name| name.split(':').next().unwrap_or(name).to_owned()));
        }
    }
    all
}

/// The programs that a system with these packages has.
///
/// # Panics
/// If one of them isn't installed here.
#[must_use]
#[track_caller]
pub fn programs(packages: &[String]) -> Vec<PathBuf> {
    let of_packages = with_needs(packages.to_vec());
    let missing: Vec<&String> = packages.iter().filter(|name| !of_packages.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} are in the image and not installed here: ./test does that");
    let all: Vec<String> = base().union(&of_packages).cloned().collect();
    let arguments: Vec<&str> = std::iter::once("-L").chain(all.iter().map(String::as_str)).collect();
    let files = told("dpkg", &arguments);
    let folders = ["/bin", "/sbin", "/usr/bin", "/usr/sbin"];
    let is_program =
        |path: &&Path| path.parent().is_some_and(|folder| folders.iter().any(|one| folder == Path::new(one)));
    files.lines().map(Path::new).filter(is_program).filter(|path| path.is_file()).map(Path::to_owned).collect()
}

/// The package that a file of this machine is from.
///
/// # Panics
/// If it is from none.
#[must_use]
#[track_caller]
pub fn package_of(file: &Path) -> String {
    let real = file.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    // It may be known by its path from before /lib became a link to /usr/lib.
    let real = real.display().to_string();
    let paths = [real.as_str(), real.strip_prefix("/usr").unwrap_or(&real)];
    let told = paths.iter().find_map(|path| tell("dpkg", &["-S", path]).ok());
    let told = told.unwrap_or_else(|| panic!("{real} is from no package"));
    let package = told.split(':').next().unwrap_or_default();
    // Debian's newer releases have other names for libraries with larger times.
    package.trim_end_matches("t64").to_owned()
}

#[track_caller]
fn told(program: &str, arguments: &[&str]) -> String {
    tell(program, arguments).unwrap_or_else(|why| panic!("{program} {arguments:?}: {why}; this test needs a Debian"))
}

fn tell(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_has_what_a_shell_needs_and_no_more() {
        let base = base();
        for package in ["bash", "coreutils", "libc6", "zlib1g", "libgcc-s1"] {
            assert!(base.contains(package), "{package}");
        }
        for package in ["curl", "python3", "docker-compose", "libgssapi-krb5-2"] {
            assert!(!base.contains(package), "{package}");
        }
        assert!(programs(&[]).iter().any(|path| path.ends_with("sh")));
        assert_eq!(package_of(Path::new("/bin/bash")), "bash");
    }
}
