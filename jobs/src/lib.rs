//! The flights domain and the commands that a user runs: training rows, features and labels, requests and answers.
//!
//! What could be reused for other data than flights lives in the crates below this one.

pub mod access;
pub mod answer;
pub mod clients;
pub mod commands;
pub mod config;
pub mod dead_letter;
pub mod failure;
pub mod flight;
pub mod generating;
pub mod http;
pub mod input;
pub mod model;
pub mod predicting;
pub mod replaying;
pub mod report;
pub mod request;
pub mod response;
pub mod servers;
pub mod service;
pub mod stores;
pub mod streaming;
pub mod table;
pub mod training;
