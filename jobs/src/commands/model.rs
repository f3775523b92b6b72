//! `model`: lists, shows, verifies and promotes the models in a folder or a store, and brings out their reports.

mod view;

use std::io::{ErrorKind, Write};

use clap::{Parser, Subcommand};
use serde_json::{Value, json};

use crate::config::{ModelsPlace, StoreFlags};
use crate::failure::{Failure, FailureKind};
use crate::model::registry::Verified;
use crate::model::{ModelError, ModelId, Registry};
use crate::stores::stores_of;

const EXAMPLES: &str = "\
Examples:
  model list                       all models, the latest first; a star marks the current one
  model show 3f9a                  what is known of a model: the first digits of an id will do
  model promote 3f9a               verify a model, then make it the current one
  model verify                     verify the current model: every byte, its id, its golden rows
  model verify --all --json        verify all models, for a script
  model report 3f9a > report.html  the page that the training has left beside a model
  model list --models gs://bucket/models
                                   models in Google Cloud Storage; also s3: and hdfs:

Exit codes: 0 done, 2 command line, 3 no such folder, no current model or no report, 4 storage,
7 a model is damaged, or made by a build that this one does not understand.";

/// The models that were trained, and which of them is current.
#[derive(Clone, Debug, Parser)]
#[command(name = "model", version, after_help = EXAMPLES)]
pub struct ModelFlags {
    /// Where models are kept, one folder each: a folder, or the URL of one in a store
    #[arg(long, value_name = "DIR", default_value = "models", global = true, value_parser = ModelsPlace::of_flag)]
    pub models: ModelsPlace,

    /// Print JSON on standard output instead of a table
    #[arg(long, global = true)]
    pub json: bool,

    /// How stores are reached.
    #[command(flatten)]
    pub stores: StoreFlags,

    /// What to do.
    #[command(subcommand)]
    pub action: ModelAction,
}

/// What `model` does.
#[derive(Clone, Debug, Subcommand)]
pub enum ModelAction {
    /// List all models, the latest first
    List,
    /// Show what is known of a model
    Show {
        /// The first digits of its id, as many as tell it from others
        id: String,
    },
    /// Print the report that a training has left beside a model: a page, or with --json its figures
    Report {
        /// The first digits of its id, as many as tell it from others
        id: String,
    },
    /// Verify a model and make it the current one
    Promote {
        /// The first digits of its id, as many as tell it from others
        id: String,
    },
    /// Read all of a model, compute its id anew, and send its golden rows through
    Verify {
        /// The first digits of its id; the current model without it
        id: Option<String>,
        /// Verify all models
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

/// Runs the command; what it finds goes to `output`.
///
/// # Errors
/// No such model, one that is damaged, or a folder that can't be read or written.
pub fn run(flags: &ModelFlags, output: &mut impl Write) -> Result<(), Failure> {
    let registry = Registry::open_patiently(&stores_of(&flags.stores)?, &flags.models)?;
    let printer = &mut Printer { json: flags.json, output };
    match &flags.action {
        ModelAction::List => list(&registry, printer),
        ModelAction::Show { id } => show(&registry, id, printer),
        ModelAction::Report { id } => report(&registry, id, printer),
        ModelAction::Promote { id } => promote(&registry, id, printer),
        ModelAction::Verify { id, all } => verify(&registry, id.as_deref(), *all, printer),
    }
}

fn list<W: Write>(registry: &Registry, printer: &mut Printer<'_, W>) -> Result<(), Failure> {
    let models = registry.list()?;
    let current = registry.current()?;
    printer.print(|| view::list_json(&models, current), || view::list_text(&models, current, &registry.place()))
}

fn show<W: Write>(registry: &Registry, prefix: &str, printer: &mut Printer<'_, W>) -> Result<(), Failure> {
    let id = registry.find(prefix)?;
    let card = registry.card(&id)?;
    let is_current = registry.current()? == Some(id);
    let folder = registry.place_of(&id);
    printer.print(|| view::card_json(&card, is_current, &folder), || view::card_text(&card, is_current, &folder))
}

fn report<W: Write>(registry: &Registry, prefix: &str, printer: &mut Printer<'_, W>) -> Result<(), Failure> {
    let id = registry.find(prefix)?;
    let file = if printer.json { "report.json" } else { "report.html" };
    match registry.report(&id, file)? {
        Some(report) => printer.write(&report),
        None => {
            let place = registry.place_of(&id);
            Err(Failure::new(
                FailureKind::BadInput,
                format!("`{place}/{file}` is not there: whoever saved the model has left no report"),
            ))
        }
    }
}

fn promote<W: Write>(registry: &Registry, prefix: &str, printer: &mut Printer<'_, W>) -> Result<(), Failure> {
    // A damaged name of the current model is what promoting another one mends.
    let before = registry.current().ok().flatten();
    let verified = registry.promote(&registry.find(prefix)?)?;
    let id = verified.id;
    printer.print(
        || json!({ "current": id, "before": before }),
        || match before {
            Some(before) if before != id => format!("{} is current now, after {}\n", id.short(), before.short()),
            _ => format!("{} is current now\n", id.short()),
        },
    )
}

fn verify<W: Write>(
    registry: &Registry,
    prefix: Option<&str>,
    all: bool,
    printer: &mut Printer<'_, W>,
) -> Result<(), Failure> {
    let ids = match (all, prefix) {
        (true, _) => registry.ids()?,
        (false, Some(prefix)) => vec![registry.find(prefix)?],
        (false, None) => vec![registry.need_current()?],
    };
    let results: Vec<(ModelId, Result<Verified, ModelError>)> =
        ids.into_iter().map(|id| (id, registry.verify(&id))).collect();
    printer.print(
        || match (all, results.as_slice()) {
            (false, [(id, result)]) => view::verified_json(*id, result),
            _ => results.iter().map(|(id, result)| view::verified_json(*id, result)).collect(),
        },
        || results.iter().map(|(id, result)| view::verified_text(*id, result)).collect(),
    )?;
    let count = results.len();
    let mut failed: Vec<ModelError> = results.into_iter().filter_map(|(_, result)| result.err()).collect();
    match (failed.pop(), failed.len()) {
        (None, _) => Ok(()),
        (Some(only), 0) => Err(only.into()),
        (Some(last), others) => {
            let kind = Failure::from(last).kind;
            Err(Failure::new(kind, format!("{} of {count} models can't be trusted; see above", others + 1)))
        }
    }
}

/// Where results go, and in which form.
struct Printer<'a, W> {
    json: bool,
    output: &'a mut W,
}

impl<W: Write> Printer<'_, W> {
    fn print(&mut self, json: impl FnOnce() -> Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = if self.json { format!("{:#}\n", json()) } else { text() };
        self.write(text.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self.output.write_all(bytes).and_then(|()| self.output.flush()) {
            // Who reads no further has seen enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::new(FailureKind::Storage, format!("can't write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
