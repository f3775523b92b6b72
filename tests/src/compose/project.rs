//! What `docker compose up`, `stop` and `exec` do with a file, without Docker.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::container::{Container, Mount, Plan};
use super::file::{ComposeFile, Condition, Service, Source, Volume};
use super::image::Image;
use super::others::stand_in;
use crate::{Ended, Folder, Lan, project_root};

/// How long something may take that is done once. A training on all cores that others use, too, takes its time.
const ONCE: Duration = Duration::from_secs(900);

/// A file, its images, its volumes and what runs of it.
#[derive(Debug)]
pub struct Project {
    file: ComposeFile,
    order: Vec<String>,
    images: BTreeMap<String, Image>,
    containers: BTreeMap<String, Container>,
    done: BTreeMap<String, Ended>,
    /// How many containers there were.
    begun: usize,
    lan: Lan,
    folder: Folder,
}

impl Project {
    /// Makes the images of `docker-compose.yml`, and starts nothing. Services with images that can't be had here are left out;
    /// nothing may depend on them. `None` if tests of several hosts are left out.
    ///
    /// # Panics
    /// If an image can't be made.
    #[must_use]
    #[track_caller]
    pub fn new(left_out: &[&str]) -> Option<Self> {
        let mut file = ComposeFile::read(&project_root().join("docker-compose.yml"));
        file.services.retain(|name, _| !left_out.contains(&name.as_str()));
        let lan = Lan::new(u8::try_from(file.services.len()).expect("there are fewer services than addresses"))?;
        let folder = Folder::new();
        let names: BTreeSet<&String> = file.services.values().map(|service| &service.image).collect();
        let image = |name: &String| {
            let root = folder.join("images").join(name.replace(['/', ':'], "-"));
            let image = match name.as_str() {
                "flightline:latest" => Image::ours(root),
                other => stand_in(other, root).unwrap_or_else(|| panic!("nothing stands in for the image {other}")),
            };
            (name.clone(), image)
        };
        let images = names.into_iter().map(image).collect();
        let order = file.in_order().into_iter().map(str::to_owned).collect();
        let (containers, done) = (BTreeMap::new(), BTreeMap::new());
        Some(Self { file, order, images, containers, done, begun: 0, lan, folder })
    }

    /// Starts everything, each service when what it depends on is as it must be, and waits until all are well or done.
    ///
    /// # Panics
    /// If one ends that should not, or doesn't become well.
    #[track_caller]
    pub fn up(&mut self) {
        self.done.clear();
        for name in self.order.clone() {
            for (other, dependency) in self.file.services[&name].depends_on.clone() {
                self.wait_for(&other, dependency.condition);
            }
            println!("{name} starts");
            let (plan, place) = (self.plan(&name), self.place());
            let container = plan.start(Some((&self.lan, self.host(&name))), &place);
            self.containers.insert(name, container);
        }
        for name in self.order.clone() {
            let service = &self.file.services[&name];
            let condition = match (service.is_once(), &service.healthcheck) {
                (true, _) => Condition::ServiceCompletedSuccessfully,
                (false, Some(_)) => Condition::ServiceHealthy,
                (false, None) => Condition::ServiceStarted,
            };
            self.wait_for(&name, condition);
        }
    }

    /// Asks everything to end, in the reverse order of the start, and gives how each has ended.
    ///
    /// # Panics
    /// If something takes longer than its grace.
    #[track_caller]
    pub fn stop(&mut self) -> BTreeMap<String, Ended> {
        let order: Vec<String> = self.order.iter().rev().cloned().collect();
        let containers = order.into_iter().filter_map(|name| self.containers.remove_entry(&name)).collect::<Vec<_>>();
        let grace = |name: &String| self.file.services[name].grace();
        containers.into_iter().map(|(name, container)| (name.clone(), container.stop(grace(&name)))).collect()
    }

    /// A command line in a service that runs, to its end.
    ///
    /// # Panics
    /// If it doesn't run, or the command doesn't end well.
    #[track_caller]
    pub fn exec(&self, service: &str, command: &[&str]) -> Ended {
        let ended = self.try_exec(service, command);
        ended.ok();
        ended
    }

    /// The same, which may end otherwise.
    ///
    /// # Panics
    /// If it doesn't run.
    #[must_use]
    #[track_caller]
    pub fn try_exec(&self, service: &str, command: &[&str]) -> Ended {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        self.container(service).exec(&command).finish()
    }

    /// A command line in a new container of a service, in place of its own, to its end.
    ///
    /// # Panics
    /// If it doesn't end well.
    #[track_caller]
    pub fn run(&mut self, service: &str, command: &[&str]) -> Ended {
        let mut plan = self.plan(service);
        plan.command = command.iter().map(|word| (*word).to_owned()).collect();
        let place = self.place();
        let ended = plan.start(Some((&self.lan, self.host(service))), &place).end_within(ONCE);
        ended.ok();
        ended
    }

    /// The address of a service.
    #[must_use]
    #[track_caller]
    pub fn address(&self, service: &str) -> Ipv4Addr {
        self.lan.address(self.host(service))
    }

    /// The folder of a volume.
    #[must_use]
    pub fn volume(&self, name: &str) -> PathBuf {
        self.folder.join("volumes").join(name)
    }

    #[track_caller]
    fn wait_for(&mut self, name: &str, condition: Condition) {
        match condition {
            Condition::ServiceStarted => {
                self.container(name);
            }
            Condition::ServiceHealthy => {
                let check = self.file.services[name].healthcheck.as_ref();
                let check = check.unwrap_or_else(|| panic!("{name} has no check of its health"));
                let is_well = |container: &Container| {
                    self.assert_that_none_has_ended();
                    container.passes(check.words(), check.timeout())
                };
                self.container(name).wait_until("is healthy", is_well);
            }
            Condition::ServiceCompletedSuccessfully => {
                if let Some(container) = self.containers.remove(name) {
                    let ended = container.end_within(ONCE);
                    self.assert_that_none_has_ended();
                    ended.ok();
                    self.done.insert(name.to_owned(), ended);
                }
                assert!(self.done.contains_key(name), "{name} was not started");
            }
        }
    }

    /// Docker would start it again; nothing here gives a service a reason to end.
    #[track_caller]
    fn assert_that_none_has_ended(&self) {
        let staying = self.containers.iter().filter(|(name, _)| !self.file.services[*name].is_once());
        for (name, container) in staying {
            assert!(!container.has_ended(), "{name} has ended\n{}", container.story());
        }
    }

    #[track_caller]
    fn container(&self, service: &str) -> &Container {
        self.containers.get(service).unwrap_or_else(|| panic!("{service} doesn't run"))
    }

    #[track_caller]
    fn host(&self, service: &str) -> u8 {
        let place = self.order.iter().position(|name| name == service);
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or_else(|| panic!("there is no service {service}"))
    }

    /// An empty folder for a container.
    fn place(&mut self) -> PathBuf {
        self.begun += 1;
        let place = self.folder.join("containers").join(self.begun.to_string());
        fs::create_dir_all(&place).expect("folders can be made");
        place
    }

    #[track_caller]
    fn plan(&self, name: &str) -> Plan {
        let service = self.file.services[name].clone();
        let image = self.images[&service.image].clone();
        let mut mounts = image.mounts.clone();
        mounts.push(Mount { from: self.hosts(), to: "/etc/hosts".to_owned(), read_only: true });
        mounts.extend(self.mounts(&service, &image));
        let mut environment = image.environment.clone();
        environment.extend(service.environment(project_root()));
        let user = service.user.as_deref().map_or(image.user, |user| image.user_of(user));
        let drops_all = service.cap_drop.contains("ALL");
        assert!(drops_all || service.cap_drop.is_empty(), "{name} drops some capabilities, and not all");
        Plan {
            name: name.to_owned(),
            image: image.root,
            keeps: false,
            mounts,
            in_memory: service.tmpfs.clone(),
            read_only: service.read_only,
            user,
            capabilities: drops_all.then(|| service.cap_add.clone()),
            no_new_privileges: service.security_opt.contains("no-new-privileges:true"),
            environment,
            folder: image.folder,
            command: service
                .entrypoint
                .unwrap_or(image.entrypoint)
                .into_iter()
                .chain(service.command.unwrap_or(image.command))
                .collect(),
        }
    }

    fn mounts(&self, service: &Service, image: &Image) -> Vec<Mount> {
        let mount = |volume: &Volume| {
            let from = match &volume.source {
                Source::Path(path) => project_root().join(path),
                Source::Named(name) => self.volume_for(name, &image.root.join(volume.target.trim_start_matches('/'))),
            };
            Mount { from, to: volume.target.clone(), read_only: volume.read_only }
        };
        service.volumes.iter().map(mount).collect()
    }

    /// A volume: while it is empty it takes over what the image has in its place, with owner and mode.
    fn volume_for(&self, name: &str, in_image: &Path) -> PathBuf {
        let folder = self.volume(name);
        let is_empty = fs::read_dir(&folder).map_or(true, |mut entries| entries.next().is_none());
        if is_empty {
            fs::create_dir_all(folder.parent().expect("it stands in a folder")).expect("folders can be made");
            if in_image.is_dir() {
                let mut copy = Command::new("cp");
                let copied = copy.args(["-a", "--no-target-directory"]).arg(in_image).arg(&folder).status();
                assert!(copied.is_ok_and(|status| status.success()), "cp {} fails", in_image.display());
            } else {
                fs::create_dir_all(&folder).expect("folders can be made");
            }
        }
        folder
    }

    /// The file that knows all services by their names.
    fn hosts(&self) -> PathBuf {
        let line = |name: &String| format!("{} {name}\n", self.address(name));
        let lines: String = self.order.iter().map(line).collect();
        self.folder.write("hosts", format!("127.0.0.1 localhost\n{lines}"))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // What a failing test has left has to be gone before its folders.
        self.containers.clear();
    }
}
