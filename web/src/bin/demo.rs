//! `demo`: train, stream and page in one process.

use clap::Parser;
use flightline_jobs::commands::{Exit, end_service_with};
use flightline_web::demo;

fn main() -> Exit {
    let flags = demo::DemoFlags::parse();
    end_service_with(|| demo::run(&flags))
}
