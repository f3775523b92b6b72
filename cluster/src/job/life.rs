//! A life of a job: its processes, where they are, and how they are.

use flightline_engine::process::Exit;
use serde::{Deserialize, Serialize};

use crate::ids::{Generation, Incarnation, Moment, SpecNumber, WorkerName};
use crate::protocol::{HowEnded, ProcessReport, ProcessState, StageLine};

/// One life of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// Its number.
    pub number: Generation,
    /// With which of the job's specifications.
    #[serde(default)]
    pub spec: SpecNumber,
    /// When it was ordered.
    pub started: Moment,
    /// Since when all of its processes are at work.
    pub up_since: Option<Moment>,
    /// When it was over, and why, in a sentence.
    pub ended: Option<(Moment, String)>,
    /// Its processes, in order.
    pub places: Vec<Place>,
}

/// Where a process is, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// On which worker.
    pub worker: WorkerName,
    /// In which life of its agent: none of its processes outlives it.
    pub incarnation: Incarnation,
    /// Where it is in the mesh: host.
    pub host: String,
    /// And port.
    pub port: u16,
    /// What became of it, as far as it is known. Kept when it has ended; how it is meanwhile is in the worker's reports.
    pub end: Option<End>,
    /// How far its stages had come when it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageLine>,
}

/// What became of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Its agent saw it end.
    Seen {
        /// How.
        how: HowEnded,
        /// The last lines of its log.
        last_lines: Vec<String>,
        /// The generation that the job's ledger holds, if it was refused for that.
        ledger: Option<u64>,
        /// The id of the model that it has made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<Box<str>>,
    },
    /// Its worker was lost, and it with it, unless it still runs where nobody hears it.
    Lost {
        /// How that was noticed, in a sentence.
        why: String,
    },
}

impl Life {
    /// Whether every process has ended or is lost.
    #[must_use]
    pub fn all_ended(&self) -> bool {
        self.places.iter().all(|place| place.end.is_some())
    }

    /// The highest generation that the job's ledger was seen to hold by a process of this life that was refused for that.
    #[must_use]
    pub fn highest_in_ledger(&self) -> Generation {
        let ledgers = self.places.iter().filter_map(|place| match &place.end {
            Some(End::Seen { ledger, .. }) => *ledger,
            _ => None,
        });
        Generation(ledgers.max().unwrap_or(0))
    }
}

impl Place {
    /// Its address in the mesh.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Takes over from a report of its agent that it has ended; says whether that was new.
    pub fn hear(&mut self, report: &ProcessReport) -> bool {
        let ProcessState::Ended { how, last_lines, ledger, model } = &report.state else { return false };
        // Who was taken for lost and comes back has been replaced by now: what it says changes nothing.
        if self.end.is_some() {
            return false;
        }
        let (how, last_lines, ledger, model) = (how.clone(), last_lines.clone(), *ledger, model.clone());
        self.end = Some(End::Seen { how, last_lines, ledger, model });
        self.stages.clone_from(&report.stages);
        true
    }
}

impl End {
    /// The id of the model that it has made.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::Seen { model, .. } => model.as_deref(),
            Self::Lost { .. } => None,
        }
    }

    /// Whether it ended as one does that is asked to: done with what it had begun, or not, if it is none that can be.
    #[must_use]
    pub const fn is_of_one_asked(&self) -> bool {
        const TERMINATED: u8 = Exit::Terminated.code();
        matches!(self, Self::Seen { how: HowEnded::Code(0 | TERMINATED), .. })
    }

    /// Whether it ended as it should.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Seen { how: HowEnded::Code(0), .. })
    }
}
