//! What survives the lives of a job: a folder with models, a table, a configuration, and all that the job keeps there or on
//! servers.

use std::borrow::Cow;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use flightline_engine::contract::Guarantee;
use flightline_jobs::clients::{CollectionClient, EmbeddedStore, RemoteJob, TopicClient};
use flightline_jobs::config::{Layer, NewTopics, StreamConfig, TopicUrl, load};
use serde_json::Value;

use super::places::OnServers;
use super::{COLLECTION, Client, Holdings, Job, Load, PARTITIONS, REQUESTS, RESPONSES, models};
use crate::servers::Servers;
use crate::{Chance, Folder, Hosts, Invocation, Running, bundled_distances, free_ports_in_a_row};

/// The flags by which a command finds the configuration.
const CONFIGURED: &str = "--config job.toml --config more.toml";
/// The file of user and password of the server of collections.
const LOGIN: &str = "mongodb-login";
/// Processes of a job at most.
const MOST_PROCESSES: u16 = 4;

/// A folder with two models, a table and a configuration.
#[derive(Debug)]
pub struct World {
    folder: Folder,
    models: [String; 2],
    /// Port of process 0, and those above it.
    port: u16,
    /// Where its topics, collections and files are, if not in its folder.
    servers: Option<OnServers>,
    /// What goes over the configuration.
    more: String,
}

/// How a job is started.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Processes.
    pub processes: usize,
    /// Workers of each.
    pub workers: usize,
    /// The binary.
    pub binary: &'static str,
    /// Variables of the environment.
    pub env: Vec<(&'static str, String)>,
    /// Settings over those of the configuration, as `KEY=VALUE`.
    pub set: Vec<Cow<'static, str>>,
    /// How far above the world's port the ports of its processes begin.
    pub above: u16,
    /// The generation that a master would propose.
    pub generation: Option<u64>,
}

impl Shape {
    /// One process.
    #[must_use]
    pub const fn of(processes: usize, workers: usize) -> Self {
        Self { processes, workers, binary: "predict", env: Vec::new(), set: Vec::new(), above: 0, generation: None }
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// With a setting over those of the configuration.
    #[must_use]
    pub fn set(mut self, setting: impl Into<Cow<'static, str>>) -> Self {
        self.set.push(setting.into());
        self
    }

    /// With ports so far above the world's: for a job that runs beside another one of its world.
    #[must_use]
    pub const fn above(mut self, above: u16) -> Self {
        self.above = above;
        self
    }

    /// With a generation that a master would propose.
    #[must_use]
    pub const fn generation(mut self, generation: u64) -> Self {
        self.generation = Some(generation);
        self
    }

    /// With another binary in the place of `predict`.
    #[must_use]
    pub const fn binary(mut self, binary: &'static str) -> Self {
        self.binary = binary;
        self
    }
}

impl World {
    /// A new one. Its files roll every 300 ms, and its models and table are looked at every 20 ms.
    #[must_use]
    pub fn new() -> Self {
        Self::with(None)
    }

    /// The same with requests, answers and dead letters in Kafka, the table and answers in MongoDB, and answers in HDFS,
    /// under names of its own.
    #[must_use]
    pub fn on(servers: &Servers, guarantee: Guarantee) -> Self {
        Self::in_places(OnServers::new(servers, guarantee))
    }

    /// The same with collections on a server that asks for a password.
    #[must_use]
    pub fn behind_a_password(servers: &Servers, guarantee: Guarantee) -> Self {
        Self::in_places(OnServers::behind_a_password(servers, guarantee))
    }

    fn in_places(places: OnServers) -> Self {
        let world = Self::with(Some(places));
        world.bring_table();
        world
    }

    /// With settings, as TOML, that go over those that it has.
    #[must_use]
    pub fn and(mut self, settings: &str) -> Self {
        self.more.push_str(settings);
        self.folder.write("more.toml", &self.more);
        self
    }

    fn with(servers: Option<OnServers>) -> Self {
        let folder = Folder::new();
        let models = models::write(&folder);
        fs::copy(bundled_distances(), folder.join("distances.jsonl")).expect("the table can be copied");
        let port = free_ports_in_a_row(MOST_PROCESSES);
        let world = Self { folder, models, port, servers, more: String::new() };
        world.folder.write("job.toml", world.configuration(port));
        world.folder.write("more.toml", "");
        if let Some(login) = world.servers.as_ref().and_then(OnServers::login) {
            world.folder.write(LOGIN, login);
        }
        world
    }

    /// The configuration of a job whose port this is. It holds wherever the job is started.
    #[must_use]
    pub fn configuration(&self, port: u16) -> String {
        let folder = self.folder.path().display();
        let places = match &self.servers {
            Some(servers) => servers.configuration(&format!("{folder}/{LOGIN}")),
            None => format!(
                "[job]\nname = \"storm\"\nstate = \"file:{folder}/state\"\n\
                 [table]\nurl = \"file:{folder}/distances.jsonl\"\npoll = \"20ms\"\n\
                 [sinks.files]\nurl = \"file:{folder}/predictions\"\nroll_every = \"300ms\"\nrequired = false\n"
            ),
        };
        format!(
            "{places}\
             [embedded]\nfolder = \"{folder}/embedded\"\npartitions = {PARTITIONS}\n\
             [model]\nregistry = \"{folder}/models\"\npoll = \"20ms\"\n\
             [http]\nlisten = \"127.0.0.1:{port}\"\n"
        )
    }

    /// What its topics promise.
    #[must_use]
    pub fn promised(&self) -> Guarantee {
        self.servers.as_ref().map_or(Guarantee::ExactlyOnce, OnServers::guarantee)
    }

    /// The same, as programs see it.
    ///
    /// # Panics
    /// If it is wrong.
    #[must_use]
    pub fn loaded(&self) -> StreamConfig {
        let layers =
            [Layer::text("job.toml", self.configuration(self.port)), Layer::text("more.toml", self.more.clone())];
        load(&layers).unwrap_or_else(|mistakes| panic!("{mistakes}")).config
    }

    /// Its folder.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// A command on this job, with its configuration: `replay`, or `dead-letters list`.
    #[must_use]
    pub fn command(&self, words: &str) -> Invocation {
        let words: Vec<&str> = words.split_whitespace().collect();
        // What to do comes before how, and what a test adds comes last.
        let flags = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
        let (command, flags) = words.split_at(flags);
        self.folder.run(command[0]).args(&command[1..]).words(CONFIGURED).args(flags)
    }

    /// Where process 0 of its jobs answers.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes another model current.
    pub fn promote(&self, which: usize) {
        self.folder.run("model").words("promote").arg(&self.models[which]).words("--models models").succeed();
    }

    /// The ids of its models.
    #[must_use]
    pub const fn models(&self) -> &[String; 2] {
        &self.models
    }

    /// Changes the distances of all routes by some miles.
    pub fn change_table(&self, miles: u64) {
        let lines = fs::read_to_string(bundled_distances()).expect("the table can be read");
        let changed = lines
            .lines()
            .map(|line| {
                let mut row: Value = serde_json::from_str(line).expect("a row is JSON");
                let distance = row["Distance"].as_f64().expect("a distance is a number");
                row["Distance"] = (distance + miles as f64).into();
                format!("{row}\n")
            })
            .collect::<String>();
        self.replace_table(&changed);
    }

    /// Adds a route to the table as it is.
    pub fn add_route(&self, origin: &str, dest: &str, miles: u64) {
        let row = serde_json::json!({ "Origin": origin, "Dest": dest, "Distance": miles as f64 });
        self.replace_table(&format!("{}{row}\n", self.folder.read("distances.jsonl")));
    }

    /// In one step, so that nobody reads half of it.
    fn replace_table(&self, lines: &str) {
        let beside = self.folder.write("distances.new", lines);
        fs::rename(beside, self.folder.join("distances.jsonl")).expect("a file can be renamed");
        if self.servers.is_some() {
            self.bring_table();
        }
    }

    /// Brings the table to the server.
    fn bring_table(&self) {
        self.folder.run("import").words("distances --table distances.jsonl --prune").words(CONFIGURED).succeed();
    }

    /// Changes something that a job must notice, by turns a model and the table; another thing at each step.
    pub fn change(&self, step: usize) {
        if step.is_multiple_of(2) {
            self.promote(step / 2 % 2);
        } else {
            self.change_table((step / 2 % 5) as u64 + 1);
        }
    }

    /// Starts the processes of a job, without waiting for anything.
    #[must_use]
    pub fn start(&self, shape: &Shape) -> Job {
        let processes = u16::try_from(shape.processes).expect("a few");
        let host = free_ports_in_a_row(processes);
        let hosts = Hosts::of_ports(&self.folder, (host..host + processes).collect());
        let first = self.port + shape.above;
        let process = |process: usize| {
            let mut invocation = self
                .folder
                .run(shape.binary)
                .words(CONFIGURED)
                .arg("-w")
                .arg(shape.workers.to_string())
                .args(["--set", &format!("http.listen=127.0.0.1:{first}")])
                .env("FLIGHTLINE_LOG", "info");
            for (name, value) in &shape.env {
                invocation = invocation.env(name, value);
            }
            for setting in &shape.set {
                invocation = invocation.args(["--set", &**setting]);
            }
            if let Some(generation) = shape.generation {
                invocation = invocation.arg("--generation").arg(generation.to_string());
            }
            if shape.processes > 1 {
                invocation = hosts.process(invocation, process);
            }
            invocation.start()
        };
        let running: Vec<Running> = (0..shape.processes).map(process).collect();
        let ports: Vec<u16> = (first..first + processes).collect();
        let requests = self.requests_of(&ports);
        Job { processes: running, ports, requests }
    }

    /// A job on its configuration whose processes somebody else starts and ends, so many.
    #[must_use]
    pub fn others_job(&self, processes: u16) -> Job {
        let ports: Vec<u16> = (self.port..self.port + processes).collect();
        let requests = self.requests_of(&ports);
        Job { processes: Vec::new(), ports, requests }
    }

    /// The request topic, by whoever has it: the brokers, or the processes at these ports.
    fn requests_of(&self, ports: &[u16]) -> Arc<dyn TopicClient> {
        match self.loaded().requests.log {
            TopicUrl::Kafka(_) => self.requests_on_server(),
            TopicUrl::Embedded(_) => {
                let addresses = ports.iter().map(|port| format!("http://127.0.0.1:{port}"));
                Arc::new(RemoteJob::new(addresses).expect("these are addresses").topic(REQUESTS))
            }
        }
    }

    /// Puts a job, or its topic, under load.
    #[must_use]
    pub fn load(&self, requests: Arc<dyn TopicClient>, chance: Chance) -> Load {
        // A job takes no more than it can answer, and brokers take much more than the other servers of a test can store.
        let pause = if self.servers.is_some() { Duration::from_millis(200) } else { Duration::ZERO };
        Load::start(requests, chance, pause)
    }

    /// The same with a few requests now and then, for a test that looks at something else.
    #[must_use]
    pub fn trickle(&self, requests: Arc<dyn TopicClient>, chance: Chance) -> Load {
        Load::start(requests, chance, Duration::from_millis(200))
    }

    /// The request topic of a job on servers, whether it runs or not.
    ///
    /// # Panics
    /// If it is in the world's folder.
    #[must_use]
    pub fn requests_on_server(&self) -> Arc<dyn TopicClient> {
        let config = self.loaded();
        OnServers::topic(&config, &config.requests.log)
    }

    /// A client that asks for so many answers at a time in each partition, so often, however many processes the job has.
    #[must_use]
    pub fn client(&self, together: u64, every: Duration) -> Client {
        let (requests, answers): (_, Arc<dyn TopicClient>) = match &self.servers {
            Some(_) => (self.requests_on_server(), self.responses_on_server(PARTITIONS)),
            None => {
                let job = self.others_job(MOST_PROCESSES);
                (job.requests(), Arc::new(job.client().topic(RESPONSES)))
            }
        };
        Client::start(&requests, &answers, together, every)
    }

    /// The stored answer to a UUID, as the job or the server tells it.
    ///
    /// # Panics
    /// If nobody can be asked.
    #[must_use]
    pub fn stored(&self, uuid: &str) -> Option<Value> {
        let body = self.answers().get(uuid).expect("the collection can be asked");
        body.map(|body| serde_json::from_slice(&body).expect("an answer is JSON"))
    }

    /// The collection of answers, of the job or on the server.
    ///
    /// # Panics
    /// If the configuration can't be used.
    #[must_use]
    pub fn answers(&self) -> Arc<dyn CollectionClient> {
        match &self.servers {
            Some(_) => OnServers::answers(&self.loaded()),
            None => Arc::new(RemoteJob::new([self.address()]).expect("it is an address").collection(COLLECTION)),
        }
    }

    /// The response topic of a job on servers. Who makes a topic by asking for it gives it so many partitions.
    ///
    /// # Panics
    /// If it is in the world's folder.
    #[must_use]
    pub fn responses_on_server(&self, partitions: u32) -> Arc<dyn TopicClient> {
        let mut config = self.loaded();
        config.kafka.create = config.kafka.create.map(|new| NewTopics { partitions, ..new });
        OnServers::topic(&config, config.answers_topic().expect("answers go to a topic"))
    }

    /// Its topics and collections. Only while no process has them.
    #[must_use]
    pub fn store(&self) -> Arc<EmbeddedStore> {
        EmbeddedStore::open(&self.folder.join("embedded")).expect("the store can be opened")
    }

    /// What all sinks hold. Only while no job runs, or on servers while those that run have nothing left to do.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        match &self.servers {
            Some(_) => Holdings::read(&self.loaded(), None),
            None => self.holdings_in(&self.store()),
        }
    }

    /// The same, with a store that this process has open.
    #[must_use]
    pub fn holdings_in(&self, store: &EmbeddedStore) -> Holdings {
        Holdings::read(&self.loaded(), Some(store))
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
