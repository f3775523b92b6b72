//! The stream as a whole: the dataflow against the plain loops, junk of all kinds, and builds that answer otherwise.

mod broken_builds;
mod dataflow;
mod junk;
mod world;
