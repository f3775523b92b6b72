//! The Dockerfile held against the workspace and its programs, and the configuration of the image against the programs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use flightline_tests::compose::{Dockerfile, Ignored, debian, files_below};
use flightline_tests::{Folder, Invocation, project_root};

use super::{compose_file, metadata, programs};

#[test]
fn everything_that_is_built_or_copied_is_sent_to_the_builder() {
    let ignored = Ignored::read(&project_root().join(".dockerignore"));
    let mut needed: BTreeSet<PathBuf> = ["Cargo.toml", "Cargo.lock"].map(PathBuf::from).into();
    for copy in dockerfile().stages.iter().flat_map(|stage| stage.copies()).filter(|copy| copy.from.is_none()) {
        // What is copied whole is what is sent.
        for source in copy.sources.iter().filter(|source| *source != ".") {
            let files: Vec<PathBuf> = in_tree(source).collect();
            assert!(!files.is_empty(), "COPY {source}: there is nothing");
            needed.extend(files);
        }
    }
    let metadata = metadata();
    for package in metadata["packages"].as_array().expect("metadata lists packages") {
        let manifest = Path::new(package["manifest_path"].as_str().expect("a package has a manifest"));
        let folder =
            manifest.parent().expect("it stands in a folder").strip_prefix(project_root()).expect("in the tree");
        needed.insert(folder.join("Cargo.toml"));
        needed.extend(in_tree(&folder.join("src").to_string_lossy()));
        // Cargo refuses a manifest that names a target whose file isn't there.
        let targets = package["targets"].as_array().expect("a package has targets").iter();
        let files =
            targets.filter(|target| target["kind"][0] == "bench").filter_map(|target| target["src_path"].as_str());
        needed.extend(files.map(|file| Path::new(file).strip_prefix(project_root()).expect("in the tree").to_owned()));
    }
    let sources: Vec<PathBuf> =
        needed.iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).cloned().collect();
    needed.extend(sources.iter().flat_map(|source| included(source)));
    let missing: Vec<&PathBuf> = needed.iter().filter(|path| ignored.has(&path.to_string_lossy())).collect();
    assert!(missing.is_empty(), ".dockerignore keeps back {missing:?}");
    for path in [
        "target/release/web",
        "tests/browser/node_modules/x",
        ".git/config",
        "flightline-cluster/token",
        "config/a.secret",
    ] {
        assert!(ignored.has(path), ".dockerignore doesn't keep back {path}");
    }
}

#[test]
fn all_programs_of_the_workspace_are_in_the_image() {
    assert_eq!(dockerfile().programs().into_iter().collect::<BTreeSet<_>>(), programs());
}

#[test]
fn every_library_that_a_program_needs_is_in_the_image() {
    let installed = dockerfile().image().packages();
    let mut there = debian::base();
    // Not what these need themselves: who takes one of them out would take that out, too.
    there.extend(installed.iter().cloned());
    let mut needed = BTreeSet::new();
    let folder = Folder::new();
    for program in programs() {
        let told = Invocation::of("ldd", folder.path()).arg(folder.run(&program).program()).succeed();
        let libraries = told.stdout.lines().filter_map(|line| {
            let (_, library) = line.split_once("=> ")?;
            library.split(' ').next()
        });
        for library in libraries {
            assert!(library.starts_with('/'), "{program} needs what isn't here: {told}");
            let package = debian::package_of(Path::new(library));
            assert!(
                there.contains(&package),
                "{program} needs {library} of {package}, which the Dockerfile doesn't install"
            );
            needed.insert(package);
        }
    }
    // No program names it: the client of HDFS loads it when it is asked who it is.
    let client = fs::read(folder.run("predict").program()).expect("a program can be read");
    assert!(contains(&client, b"libgssapi_krb5.so"), "the client of HDFS doesn't load Kerberos any more");
    let kerberos = Invocation::of("dpkg", folder.path()).words("-L libgssapi-krb5-2").succeed();
    assert!(kerberos.stdout.contains("libgssapi_krb5.so.2"), "{kerberos}");
    needed.insert("libgssapi-krb5-2".to_owned());
    // Files of authorities, and what asks whether a container is well.
    needed.extend(["ca-certificates", "curl"].map(str::to_owned));
    let unneeded: Vec<&String> = installed.iter().filter(|package| !needed.contains(*package)).collect();
    assert!(unneeded.is_empty(), "nothing needs {unneeded:?}");
}

#[test]
fn the_image_runs_as_a_number_that_is_nobody_else() {
    let file = dockerfile();
    let users = file.image().all("USER");
    let (user, group) = users.last().and_then(|user| user.split_once(':')).expect("USER is two numbers");
    let runs = file.image().runs().join("\n");
    for (number, flag) in [(user, "--uid"), (group, "--gid")] {
        assert!(number.parse::<u32>().is_ok_and(|number| number >= 10_000), "USER {user}:{group}");
        assert!(runs.contains(&format!("{flag} {number} ")), "nobody is made with {flag} {number}");
    }
}

#[test]
fn it_is_built_by_the_rust_of_the_workspace_with_features_that_there_are() {
    let (file, metadata) = (dockerfile(), metadata());
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    for package in packages {
        assert_eq!(package["rust_version"], file.arguments["RUST_VERSION"].as_str(), "{}", package["name"]);
    }
    let services = compose_file().services;
    let builds = services.values().filter_map(|service| service.build.as_ref()?.args.get("FEATURES"));
    for features in builds.chain([&file.arguments["FEATURES"]]) {
        for feature in features.split(',') {
            let has = packages.iter().any(|package| package["features"].get(feature).is_some());
            assert!(has, "there is no feature {feature}");
        }
    }
}

#[test]
fn the_configuration_of_compose_goes_over_that_of_servers_in_every_program_that_is_given_it() {
    let folder = Folder::new();
    for program in ["predict", "web", "replay"] {
        let config = ["servers.toml", "compose.toml"].map(|name| project_root().join("config").join(name));
        let line = config.iter().fold(folder.run(program), |line, path| line.arg("--config").arg(path));
        let dump = line.arg("--dump-config").succeed().stdout;
        for said in [
            "\"kafka:9092\"",
            "\"mongodb://mongo:27017/?replicaSet=rs0\"",
            "\"hdfs://namenode:8020\"",
            "user = \"flightline\"",
        ] {
            assert!(dump.contains(said), "{program} doesn't say {said}\n{dump}");
        }
    }
    // The other end of each.
    let services = compose_file().services;
    assert_eq!(services["kafka"].environment(project_root())["KAFKA_ADVERTISED_LISTENERS"], "PLAINTEXT://kafka:9092");
    let core = fs::read_to_string(project_root().join("deploy/hdfs/core-site.xml")).expect("it is there");
    assert!(core.contains("hdfs://namenode:8020"), "{core}");
    let folders = services["hdfs-folders"].command.clone().unwrap_or_default().concat();
    assert!(folders.contains("-chown flightline /user/flight_predictions"), "{folders}");
    assert!(services["mongo"].command.clone().unwrap_or_default().join(" ").contains("--replSet rs0"));
}

fn dockerfile() -> Dockerfile {
    Dockerfile::read(&project_root().join("Dockerfile"))
}

/// All files below a path of the tree, as paths of the tree.
fn in_tree(path: &str) -> impl Iterator<Item = PathBuf> {
    let path = project_root().join(path);
    let files = if path.exists() { files_below(&path) } else { Vec::new() };
    files.into_iter().map(|file| file.strip_prefix(project_root()).expect("in the tree").to_owned())
}

/// The files that a source file of the tree has in it when it is compiled.
fn included(source: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(project_root().join(source)).expect("it is there");
    // The builder builds no tests.
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let folder = source.parent().expect("it stands in a folder");
    let macros = ["include_str!(\"", "include_bytes!(\""];
    let names = macros.iter().flat_map(|word| text.split(word).skip(1)).filter_map(|rest| rest.split('"').next());
    names.map(|name| plain(&folder.join(name))).filter(|path| project_root().join(path).is_file()).collect()
}

/// A path without `..` in it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
