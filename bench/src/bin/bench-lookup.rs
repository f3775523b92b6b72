//! Requests through the lookup of the stream, against a large table: memory before and after, and the rate beside that of a
//! plain hash map on the same requests, in one run.
//!
//!     cargo run --release -p flightline-bench --bin bench-lookup -- [REQUESTS [ROUTES]]
//!
//! Ten million requests and a million routes by default. Every twentieth request is for a route that the table lacks; all
//! must come out again, each with the distance of its route or without one. Memory is what the system says that this
//! process holds, once the table is loaded and then after each tenth of the requests.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::Write;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, ensure};
use flightline_engine::stream::Epoch;
use flightline_jobs::predicting::operators::{TableChange, arrange_everywhere, look_up};
use flightline_jobs::request::Request;
use flightline_jobs::table::RouteKey;
use flightline_operators::columns::Number;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::{Input, Probe};

/// Requests of one epoch.
const TOGETHER: u64 = 4096;

fn main() -> anyhow::Result<()> {
    let mut numbers =
        std::env::args().skip(1).map(|text| text.parse::<u64>().with_context(|| format!("{text} is no number")));
    let requests = numbers.next().transpose()?.unwrap_or(10_000_000);
    let routes = numbers.next().transpose()?.unwrap_or(1_000_000);
    ensure!(requests >= 10 && routes >= 1, "ask for 10 requests or more, and for a route or more");
    let template = Request::parse(
        br#"{"UUID":"00000000-0000-4000-8000-000000000000","Origin":"A","Dest":"B","Carrier":"AA","FlightDate":"2016-12-25","DepDelay":5}"#,
    )?;
    let ours = timely::execute_directly(move |worker| dataflow(worker, &template, requests, routes))?;
    let map = hash_map(requests, routes)?;
    say(&format!(
        "{requests} requests, {routes} routes: {:.0} requests/s by the lookup, {:.0} by a hash map: {:.2} of it",
        ours,
        map,
        ours / map
    ))
}

/// Requests per second through the lookup.
fn dataflow(
    worker: &mut timely::worker::Worker,
    template: &Request,
    requests: u64,
    routes: u64,
) -> anyhow::Result<f64> {
    let (found, missed, wrong) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let counts = (Rc::clone(&found), Rc::clone(&missed), Rc::clone(&wrong));
    let (mut asks, mut changes, probe) = worker.dataflow::<Epoch, _, _>(|scope| {
        let (asks, asked) = scope.new_input::<Vec<(u64, Request)>>();
        let (changes, table) = scope.new_input::<Vec<TableChange<Epoch>>>();
        let told = look_up(asked, arrange_everywhere(table), |_| Epoch(0), || Epoch(0));
        let (probe, _) = told
            .unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "Count", move |_, _| {
                move |input, _| {
                    input.for_each(|_, told| {
                        for (number, question) in told.drain(..) {
                            let expected = distance(number, routes);
                            let cell = match question.distance {
                                told if told.map(Number::get) != expected => &counts.2,
                                Some(_) => &counts.0,
                                None => &counts.1,
                            };
                            cell.set(cell.get() + 1);
                        }
                    });
                }
            })
            .probe();
        (asks, changes, probe)
    });
    for route in 0..routes {
        changes.send(((key(route), Number::from(miles(route))), Epoch(0), 1));
    }
    changes.close();
    asks.advance_to(Epoch(1));
    worker.step_while(|| probe.less_than(&Epoch(1)));
    say(&format!("table loaded: {} MiB", memory()? >> 20))?;

    let (mut epoch, mut next, mut told) = (Epoch(1), 0, 0);
    let started = Instant::now();
    while next < requests {
        for number in next..requests.min(next + TOGETHER) {
            let RouteKey { origin, dest } = key(asked_for(number, routes));
            asks.send((number, Request { origin, dest, ..template.clone() }));
        }
        next = requests.min(next + TOGETHER);
        epoch = epoch.next();
        asks.advance_to(epoch);
        worker.step_while(|| probe.less_than(&epoch));
        if next * 10 / requests > told {
            told = next * 10 / requests;
            say(&format!("{next} requests: {} MiB", memory()? >> 20))?;
        }
    }
    let rate = requests as f64 / started.elapsed().as_secs_f64();
    ensure!(wrong.get() == 0, "{} requests were told a wrong distance", wrong.get());
    ensure!(found.get() + missed.get() == requests, "{} of {requests} requests came out", found.get() + missed.get());
    ensure!(missed.get() == requests.div_ceil(20), "{} requests found no route", missed.get());
    Ok(rate)
}

/// The same by a hash map, with a key made for each request as the lookup does.
fn hash_map(requests: u64, routes: u64) -> anyhow::Result<f64> {
    let table: HashMap<RouteKey, Number> = (0..routes).map(|route| (key(route), Number::from(miles(route)))).collect();
    let started = Instant::now();
    let missed = (0..requests).filter(|number| !table.contains_key(&key(asked_for(*number, routes)))).count() as u64;
    ensure!(missed == requests.div_ceil(20), "{missed} requests found no route");
    Ok(requests as f64 / started.elapsed().as_secs_f64())
}

/// The route that a request asks for: in no order; one in twenty lies above all that there are.
const fn asked_for(number: u64, routes: u64) -> u64 {
    if number.is_multiple_of(20) { routes + number } else { number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % routes }
}

fn distance(number: u64, routes: u64) -> Option<f64> {
    let route = asked_for(number, routes);
    (route < routes).then(|| f64::from(miles(route)))
}

const fn miles(route: u64) -> i32 {
    (route % 5000) as i32 + 1
}

fn key(route: u64) -> RouteKey {
    RouteKey { origin: format!("A{}", route / 1000).into(), dest: format!("B{}", route % 1000).into() }
}

/// Bytes that this process holds now.
fn memory() -> anyhow::Result<u64> {
    let status =
        std::fs::read_to_string("/proc/self/status").context("this system doesn't say what a process holds")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("there is no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")?;
    Ok(kib << 10)
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
