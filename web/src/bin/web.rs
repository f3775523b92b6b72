//! `web`: the traveller's page in front of a running job.

use clap::Parser;
use flightline_jobs::commands::{Exit, end_service_with};
use flightline_web::command::{self, WebFlags};

fn main() -> Exit {
    let flags = WebFlags::parse();
    end_service_with(|| command::run(&flags))
}
