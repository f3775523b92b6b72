//! The flags that choose a configuration; to be flattened into the flags of a streaming command.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use clap::Args;
use flightline_engine::config::Layer;

use super::{Loaded, load};
use crate::failure::{Failure, FailureKind};

/// Where the configuration comes from.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigFlags {
    /// TOML file whose keys go over the defaults; config/default.toml names and explains all of them. May be repeated: each
    /// goes over the ones before
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,

    /// Set one key, over the file; may be repeated: --set table.poll=2s --set sinks.files.enabled=false
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Print the configuration in force as TOML, with where it comes from, and end
    #[arg(long)]
    pub dump_config: bool,
}

impl ConfigFlags {
    /// Loads the configuration.
    ///
    /// # Errors
    /// All mistakes in one message.
    pub fn load(&self) -> Result<Loaded, Failure> {
        self.load_over(&[])
    }

    /// Loads the configuration for a command that has values of its own, `preset`, between the defaults and the flags.
    ///
    /// # Errors
    /// All mistakes in one message.
    pub fn load_over(&self, preset: &[Layer]) -> Result<Loaded, Failure> {
        let file = self.config.iter().map(|path| Layer::file(path));
        let set = self.set.iter().map(|setting| Layer::flag(setting));
        let layers: Vec<Layer> = preset.iter().cloned().chain(file).chain(set).collect();
        load(&layers).map_err(|mistakes| Failure::new(FailureKind::Usage, mistakes.to_string()))
    }

    /// Does what `--dump-config` asks for, and says whether it did: then the command ends.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub fn dumped(&self, loaded: &Loaded) -> Result<bool, Failure> {
        if !self.dump_config {
            return Ok(false);
        }
        match io::stdout().write_all(loaded.dump().as_bytes()) {
            // Who reads no further has seen enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::new(FailureKind::Storage, format!("can't write to standard output: {error}")))
            }
            _ => Ok(true),
        }
    }
}
