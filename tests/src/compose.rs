//! `docker-compose.yml` without Docker: what it says is read, its images are made as folders, and each of its services is started
//! in namespaces of its own, with the command, environment, files, volumes, user, capabilities, name and address that it would have
//! in a container; the images of others are stood in for by the servers of `tests/services`.
//!
//! - [`ComposeFile`] and [`Dockerfile`] are what stands in the files, [`Ignored`] is what the builder is not sent.
//! - [`Image`] is a folder, [`container`] what runs in it.
//! - [`Project`] starts and stops all of them as Compose would.
//!
//! It needs root and namespaces, as [`crate::Lan`] does. What can't be had this way: limits of memory, publishing of ports (who
//! asks has the containers' addresses instead), networks that don't reach each other (there is one, and what is in which is read in
//! the file), starting again what has ended, which fails the test instead. The layer that a service writes to is in memory, and new
//! at each start.

pub mod container;
pub mod debian;
mod dockerfile;
mod file;
mod image;
mod others;
mod project;
mod yaml;

pub use dockerfile::{Copy, Dockerfile, Ignored, Instruction, Stage};
pub use file::{Build, ComposeFile, Condition, Dependency, Healthcheck, Network, Service, Source, Volume};
pub use image::{Image, files_below};
pub use project::Project;
pub use yaml::raw;
