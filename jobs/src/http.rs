//! The server with bounds, for the crates above this one.

pub use flightline_engine::http::{Limits, OPEN_METRICS, affordable, serve};
