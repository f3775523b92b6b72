//! Flights at will: as many rows as wanted, in the shape of a year of US flights, for tests and benches of size.
//!
//! ```text
//! seed, row ── draws ─┐
//! real flights ─ history ─┼─ flights ─ encode (pieces of rows, on several threads) ─ in_order ─ output
//! network (airports, routes) ─┘
//! ```
//!
//! Invariants:
//! - a row is a function of its number, the seed and the set of real flights, and of nothing else: so the first rows of a
//!   larger file are those of a smaller one, and the number of threads reaches no byte;
//! - how rows are cut into pieces and files is a function of the format alone, so bytes are the same, too;
//! - airports, routes and distances are always the same, so that one table of distances answers for all seeds.
//!
//! It doesn't model the world: a delay has nothing to do with its route, and every carrier flies everywhere. What is real is
//! how a flight's day, hour, carrier, departure and arrival delay belong together, since they come from one real flight.

mod draws;
mod encode;
mod flights;
mod history;
mod in_order;
mod network;
mod output;
#[cfg(test)]
mod tests;

pub use draws::RowSeed;
pub use encode::{Encoder, Form, Piece};
pub use flights::Flights;
pub use history::{History, HistoryBuilder};
pub use network::Network;
pub use output::{Output, WriteError};
