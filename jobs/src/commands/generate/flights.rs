//! `generate flights`: from real flights to rows in files.

use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::builder::RangedU64ValueParser;
use clap::{ArgAction, Args, ValueEnum};
use flightline_connectors::files::{Compression, Existing, Format};
use flightline_engine::ids::{WorkerCount, WorkerIndex};
use flightline_engine::progress::{Progress, Unit};

use crate::commands::BadRowLimit;
use crate::config::StoreFlags;
use crate::failure::{Failure, FailureKind};
use crate::flight::encode::name_and_format;
use crate::generating::{Flights, Form, HistoryBuilder, Output, RowSeed};
use crate::input::Input;
use crate::stores::stores_of;

/// Which rows, and where they go.
#[derive(Args, Clone, Debug)]
pub struct FlightsFlags {
    /// How many; the first of more rows are the same rows
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..=4_000_000_000))]
    rows: u64,

    /// Another seed gives other rows
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// File to write: .parquet, .jsonl, .jsonl.gz, .jsonl.bz2 or .jsonl.zst; with --format any other name is a folder
    #[arg(long, value_name = "FILE_OR_FOLDER")]
    output: PathBuf,

    /// Format of the files in a folder
    #[arg(long, value_name = "FORMAT")]
    format: Option<FolderFormat>,

    /// Real flights to draw from: paths, globs, folders or URLs
    #[arg(long, value_name = "GLOB", num_args = 1.., default_value = "data/flights.parquet")]
    from: Vec<String>,

    /// Largest share of the real flights that may be bad rows, as 0.01 or 1%
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    max_bad_rows: BadRowLimit,

    /// Threads that make rows; as many as there are cores without it. The rows are the same for any number
    #[arg(short = 'j', long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    threads: Option<usize>,

    /// Replace output that is there already
    #[arg(long, action = ArgAction::SetTrue)]
    replace: bool,

    /// How files in stores are reached.
    #[command(flatten)]
    stores: StoreFlags,
}

/// The format of the files in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FolderFormat {
    /// Apache Parquet
    Parquet,
    /// One JSON object a line, uncompressed
    JsonLines,
}

impl FolderFormat {
    const fn form(self) -> Form {
        match self {
            Self::Parquet => Form::Parquet,
            Self::JsonLines => Form::JsonLines(Compression::None),
        }
    }

    /// Whether a file of this format is one of ours.
    const fn is(self, format: Format) -> bool {
        matches!((self, format), (Self::Parquet, Format::Parquet) | (Self::JsonLines, Format::JsonLines))
    }
}

/// Runs the command, and says what it wrote.
///
/// # Errors
/// Flags, real flights or output that can't be used; nothing stands under the final name then.
pub(super) fn run(flags: &FlightsFlags) -> Result<(), Failure> {
    let output = flags.begin()?;
    let stores = stores_of(&flags.stores)?;
    let input = Input::resolve(&stores, &flags.from, None, WorkerCount::new(1))?;
    let progress = Progress::to_stderr();
    let (reading, making) = (progress.stage("read", input.unit(), 1), progress.stage("generate", Unit::Rows, 1));

    let mut history = HistoryBuilder::default();
    input.read(WorkerIndex::new(0), &reading, &mut history, |_| Ok(ControlFlow::Continue(())))?;
    history.read().check(flags.max_bad_rows.get())?;
    let no_flight = || Failure::new(FailureKind::BadInput, "there is no flight to draw from; check --from");
    let flights = Flights::new(history.finish().ok_or_else(no_flight)?, RowSeed(flags.seed));

    let threads = flags.threads.and_then(NonZero::new).or_else(|| available_parallelism().ok());
    output.write(&flights, flags.rows, threads.unwrap_or(NonZero::<usize>::MIN), &making)?;
    progress.finish();
    eprintln!("{} rows\nwritten to {}", flags.rows, flags.output.display());
    Ok(())
}

impl FlightsFlags {
    /// Begins the output: a file if its name ends like one, else a folder.
    fn begin(&self) -> Result<Output, Failure> {
        let usage = |message: String| Failure::new(FailureKind::Usage, message);
        let path = &self.output;
        let existing = if self.replace { Existing::Replace } else { Existing::Refuse };
        let named = name_and_format(path).and_then(|(_, _, format)| Some((format, Form::of(format)?)));
        match (named, self.format) {
            (Some((format, _)), Some(asked)) if !asked.is(format.format) => {
                let message =
                    format!("`{}` has the name of another format; rename it, or leave --format out", path.display());
                Err(usage(message))
            }
            (Some((_, form)), _) => Ok(Output::file(path, form, existing)?),
            (None, Some(format)) => Ok(Output::folder(path, format.form(), existing)?),
            (None, None) => {
                let known = ".parquet, .jsonl, .jsonl.gz, .jsonl.bz2 or .jsonl.zst";
                let message = format!(
                    "can't tell the format of `{}`: its name must end in {known}; or give --format, and it is a folder",
                    path.display()
                );
                Err(usage(message))
            }
        }
    }
}
