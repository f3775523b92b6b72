//! The thread that makes what is of what is ordered.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::super::command_line::arguments;
use super::super::leftovers::sweep;
use super::super::lives::Wanted;
use super::super::process::{Listener, Process, Start};
use super::super::roster::{Action, Refused, Roster};
use super::super::secret::JobSecret;
use super::super::settings::Settings;
use super::shared::{Member, Shared};
use crate::guard::check_resolved;
use crate::ids::{Generation, JobId, Moment, ProcessRef};
use crate::job::spec::JobSpec;
use crate::protocol::life::LifeSpec;
use crate::protocol::{HowEnded, Wish};

/// What the keeper thread has for itself.
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Settings,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) roster: Roster,
    pub(super) secret: Box<dyn Fn(JobId, Generation) -> JobSecret + Send>,
    pub(super) now: Box<dyn Fn() -> Moment + Send>,
}

impl Keeper {
    /// Does what is to be done, until nothing is to be started any more.
    pub(super) fn keep(mut self) {
        let mut next_look = Instant::now() + self.settings.look_every;
        while let Some(orders) = self.wait_for_work(next_look) {
            if let Some(orders) = orders {
                self.fulfil(&orders);
            }
            if Instant::now() >= next_look {
                self.shared.processes().iter().for_each(|process| process.look_at_memory());
                next_look = Instant::now() + self.settings.look_every;
            }
        }
    }

    /// The orders, if there is something to do for them; nothing in them, if it is only time to look; `None` at the end.
    #[allow(clippy::option_option, reason = "the end, a look, and work are three answers, and only this loop asks")]
    fn wait_for_work(&self, next_look: Instant) -> Option<Option<Arc<[Wanted]>>> {
        let mut inner = self.shared.lock();
        loop {
            if inner.is_closing {
                return None;
            }
            if std::mem::take(&mut inner.is_stale) {
                return Some(Some(Arc::clone(&inner.orders)));
            }
            let left = next_look.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(None);
            }
            inner = self.shared.bell.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn fulfil(&mut self, orders: &[Wanted]) {
        let mut ordered = BTreeMap::<ProcessRef, Wish>::new();
        let is_here = |order: &&Wanted| {
            // It is ordered again as soon as it has something to run. One that runs already has it from before.
            order.wish != Wish::Run || order.life.is_some() || self.shared.lock().members.contains_key(&order.id)
        };
        for order in orders.iter().filter(is_here) {
            // An order that is there twice is the stricter one.
            let wish = ordered.entry(order.id).or_insert(order.wish);
            *wish = order.wish.max(*wish);
        }
        for process in self.shared.processes().iter().filter(|process| process.has_ended()) {
            self.roster.ended(process.id());
        }
        let mut is_tidy = true;
        for action in self.roster.reconcile(&ordered) {
            match action {
                Action::Start(id) => self.start(id, orders),
                Action::Refuse(id, why) => self.refuse(id, why),
                Action::Drain(id) => self.shared.process(id).iter().for_each(|process| process.drain()),
                Action::Kill(id) => self.shared.process(id).iter().for_each(|process| process.kill()),
                Action::Forget(id) => {
                    is_tidy = false;
                    drop(self.shared.lock().members.remove(&id));
                }
            }
        }
        if !is_tidy {
            self.tidy();
        }
    }

    fn start(&mut self, id: ProcessRef, orders: &[Wanted]) {
        let life = orders.iter().filter(|order| order.id == id).find_map(|order| order.life.as_deref());
        let started = match life {
            Some(life) => self.start_as_ordered(id, life),
            None => Err(HowEnded::NotStarted { why: "nobody ordered it".to_owned(), permanent: false }),
        };
        let member = started.map(Member::Started).unwrap_or_else(|how| {
            tracing::warn!(%id, %how, "a process is not there");
            self.roster.ended(id);
            Member::NotStarted(how)
        });
        self.shared.lock().members.insert(id, member);
        // It may have ended already, before it was to be found here.
        self.shared.stir();
    }

    fn start_as_ordered(&self, id: ProcessRef, life: &LifeSpec) -> Result<Arc<Process>, HowEnded> {
        let spec: &JobSpec = &life.spec;
        check_resolved(spec, &self.settings.roots)
            .map_err(|refusal| HowEnded::NotStarted { why: refusal.to_string(), permanent: true })?;
        let folder = self.shared.folder.process(id);
        let unfurnished = |error: io::Error| HowEnded::NotStarted {
            why: format!("its folder {} can't be made: {error}", folder.path().display()),
            permanent: false,
        };
        let spreads = spec.program.spreads() && spec.processes.get() > 1;
        let secret = spreads.then(|| (self.secret)(id.job, id.generation));
        folder.furnish(life, secret.as_ref()).map_err(unfurnished)?;

        let program = self.settings.programs.join(spec.program.name());
        let mut command = Command::new(&program);
        command
            .args(arguments(id, spec, folder.places()))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.settings.roots.working_directory());
        let start = Start {
            id,
            command,
            folder: folder.clone(),
            log: self.settings.log,
            memory: spec.memory,
            is_up_at_once: !spec.program.spreads(),
        };
        let shared = Arc::downgrade(&self.shared);
        let changed: Listener = Arc::new(move || {
            if let Some(shared) = shared.upgrade() {
                shared.stir();
            }
        });
        Process::start(start, changed).map_err(|error| {
            let _ = folder.strip();
            self.not_started(&program, &error)
        })
    }

    fn not_started(&self, program: &Path, error: &io::Error) -> HowEnded {
        let home = self.settings.roots.working_directory();
        if !home.is_dir() {
            let why = format!("{}, where jobs start, is no folder: make it", home.display());
            return HowEnded::NotStarted { why, permanent: false };
        }
        // A program that isn't there or can't be run, and arguments that the system doesn't take, stay so.
        let permanent = matches!(
            error.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::ArgumentListTooLong
                | io::ErrorKind::InvalidInput
        );
        HowEnded::NotStarted { why: format!("{} can't be run: {error}", program.display()), permanent }
    }

    fn refuse(&self, id: ProcessRef, why: Refused) {
        let why = match why {
            Refused::Stale => format!("this worker has had {id} or a later generation of that job before"),
            Refused::Unneeded => "it was to end before it was started".to_owned(),
        };
        self.shared.lock().members.insert(id, Member::NotStarted(HowEnded::NotStarted { why, permanent: false }));
        self.shared.stir();
    }

    /// Sweeps away what is too much now. What can't be removed stays, and is tried again the next time.
    fn tidy(&self) {
        let in_use = self.shared.lock().members.keys().map(|id| (id.job, id.generation)).collect();
        if let Err(error) = sweep(&self.shared.folder, self.settings.keep, (self.now)(), &in_use) {
            tracing::warn!(%error, "logs that are too many can't be removed");
        }
    }
}
