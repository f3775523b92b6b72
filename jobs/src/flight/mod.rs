//! The flights domain: what a row of a flight file is, what a model sees of it, and what is predicted.
//!
//! A row passes through here once: [`decode`] finds its fields in JSON lines, CSV or Parquet ([`raw`]), [`record`] checks
//! them, [`identity`] names the row, [`batch`] keeps it in columns (of a columnar file many rows at once: `bulk`), [`features`] and [`label`] turn columns into what is
//! learnt. Bad rows are counted ([`counts`]), never fatal; a file that can't be read as flights at all is an error.
//! [`encode`] is the way back, from flights to what files hold.

pub mod batch;
mod bulk;
pub mod column;
pub mod columns;
pub mod counts;
pub mod date;
pub mod decode;
pub mod encode;
pub mod features;
pub mod identity;
pub mod instant;
pub mod label;
pub(crate) mod number;
pub mod raw;
pub mod record;
pub mod row;

pub use batch::{FlightBatch, FlightBatchBuilder};
pub use column::Column;
pub use columns::{FlightColumns, FlightColumnsBuilder, FlightFacts};
pub use counts::ReadCounts;
pub use date::FlightDate;
pub use decode::{DecodeError, Decoder};
pub use features::{Feature, FeatureKind};
pub use instant::Instant;
pub use label::DelayClass;
pub use record::Flight;
pub use row::TrainingRow;
