//! `predict`: answers to requests, from files or from a stream.

use std::path::PathBuf;

use clap::{ArgAction, Parser};
use flightline_engine::cluster::ClusterFlags;

use super::ReadFlags;
use crate::config::{ConfigFlags, ModelsPlace};
use crate::predicting::{OutputFormat, RowKind};

pub mod batch;
pub mod stream;

const EXAMPLES: &str = "\
Examples:
  predict                                        on a stream, with the defaults of config/default.toml
  predict --config my.toml --set table.poll=2s -w 2
  predict --config my.toml --dump-config         what is in force, and where it comes from
  predict -n 2 -p 0 -w 2 --secret-file mesh.secret
                                                 two processes of one job share out the partitions; the other is -p 1
  predict --input data/flights.parquet           on files: the bundled flights, by the current model
  predict --input requests.jsonl.gz --output answers -w 4
  predict --input 'flights/*.parquet' --output-format parquet --model b43a
  predict --input 'flights/*.parquet' --replace --json | jq .rows_per_second

On a stream, Ctrl-C or SIGTERM makes it finish what it has read and end with 0; a second one ends it at once, and nothing
is lost or doubled by that either. From files, the output is a folder with a part for each worker, and
dead-letters-*.jsonl if a line was no request. A request that can't be answered gets an answer that says why, if its UUID
can be read. A flight is asked as a client would have asked, with a UUID that is a function of the row.

Exit codes: 0 done, 2 command line or configuration, 3 bad input, 4 storage, 5 cluster did not start, 6 a peer was lost,
7 the model is damaged or answers otherwise than it did, 8 a later start of this job is at work, 130 and 143 ended by a
signal; output from files is whole or not there.";

/// Answer requests: those that arrive on a stream for as long as it runs, or with --input those in files. Equal requests,
/// model and distances give equal answers, whatever the number of workers.
#[derive(Debug, Parser)]
#[command(name = "predict", version, after_help = EXAMPLES, disable_help_flag = true)]
pub struct PredictFlags {
    /// Where and how the stream runs; of files only [hdfs] and [s3] matter.
    #[command(flatten)]
    pub(super) config: ConfigFlags,
    /// What to answer instead of a stream.
    #[command(flatten)]
    pub(super) batch: BatchFlags,
    /// How the input is read.
    #[command(flatten)]
    pub(super) read: ReadFlags,
    /// Where the work runs.
    #[command(flatten)]
    pub(super) cluster: ClusterFlags,
}

/// Files to answer, and where the answers go.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Files instead of a stream")]
pub(super) struct BatchFlags {
    /// Requests (JSON lines) or flights (JSON lines, Parquet, BTS CSV; .gz .bz2 .zst .zip): files, folders, globs or URLs
    #[arg(long, value_name = "GLOB", num_args = 1.., conflicts_with = "dump_config")]
    pub(super) input: Vec<String>,
    /// Folder to make, or the URL of one in a store
    #[arg(long, value_name = "DIR", default_value = "predictions")]
    pub(super) output: PathBuf,
    /// Form of the answers
    #[arg(long, value_enum, default_value_t)]
    pub(super) output_format: OutputFormat,
    /// Replace output that is there already
    #[arg(long, action = ArgAction::SetTrue, requires = "input")]
    pub(super) replace: bool,
    /// What the lines of JSON files are
    #[arg(long, value_enum, default_value_t)]
    pub(super) rows: RowKind,
    /// Where models are kept: a folder, or the URL of one in a store
    #[arg(long, value_name = "DIR", default_value = "models", value_parser = ModelsPlace::of_flag)]
    pub(super) models: ModelsPlace,
    /// The model to ask, by the start of its id; the current one without it
    #[arg(long, value_name = "ID", requires = "input")]
    pub(super) model: Option<String>,
    /// The table of distances, as `distances` makes it
    #[arg(long, value_name = "FILE", default_value = "data/origin_dest_distances.jsonl")]
    pub(super) distances: PathBuf,
    /// Print one JSON object on standard output instead of the summary on standard error
    #[arg(long, requires = "input")]
    pub(super) json: bool,
}

impl PredictFlags {
    /// Whether files are to be answered instead of a stream.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        !self.batch.input.is_empty()
    }
}
