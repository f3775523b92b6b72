//! Every metric that a program tells stands in the guide, with its type, and no other does.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flightline_tests::cluster::EmbeddedStream;
use flightline_tests::job::World;
use flightline_tests::page::Page;
use flightline_tests::wait_until;

use super::{name, page, rows};

const GUIDE: &str = "docs/operating/metrics.md";

/// Asks a program for its page of metrics.
type Look<'a> = Box<dyn Fn() -> String + 'a>;
/// Metrics by name, and their types.
type Metrics = BTreeMap<String, String>;

/// What the guide says, by its sections, which are the programs.
pub(super) fn guide() -> BTreeMap<String, Metrics> {
    let mut all = BTreeMap::<String, Metrics>::new();
    for (program, cells) in rows(&page(GUIDE), "##") {
        if let Some(metric) = name(&cells[0]).filter(|name| name.starts_with("flightline_")) {
            let before = all.entry(program).or_default().insert(metric.to_owned(), cells[1].clone());
            assert_eq!(before, None, "{metric} is in the guide twice");
        }
    }
    all
}

/// What a page of OpenMetrics text tells, by the names of its lines: those of a histogram without what their ends add.
fn told(text: &str) -> Metrics {
    let announced = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let lines: BTreeSet<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let whole = announced.map(|(name, kind)| match kind {
        "counter" => (format!("{name}_total"), kind),
        "info" => (format!("{name}_info"), kind),
        _ => (name.to_owned(), kind),
    });
    // One that is announced and has no line can't be asked for.
    let has_lines = |name: &str| lines.iter().any(|line| line.starts_with(name));
    whole.filter(|(name, _)| has_lines(name)).map(|(name, kind)| (name, kind.to_owned())).collect()
}

#[test]
fn every_metric_is_in_the_guide_and_no_other() {
    let guide = guide();
    let world = World::new();
    let stream = EmbeddedStream::start(&world, 1, 1);
    let site = Page::start(&world);
    let (of_master, of_worker) = (stream.cluster.token(), stream.cluster.worker_token(0));
    let with = |address: &str, token: &str| scraped(&format!("http://{address}/metrics"), token);
    let programs: [(&str, Look<'_>); 4] = [
        ("Master", Box::new(|| with(&stream.cluster.page(), &of_master))),
        ("Worker", Box::new(|| with(&stream.cluster.worker_page(0), &of_worker))),
        ("Streaming job", Box::new(|| scraped(&format!("{}/metrics", world.address()), ""))),
        ("Page", Box::new(|| site.get("/metrics").body_mut().read_to_string().expect("it is text"))),
    ];
    assert_eq!(guide.keys().map(String::as_str).collect::<BTreeSet<_>>(), programs.iter().map(|of| of.0).collect());
    for (program, look) in programs {
        // Some are told only while there is something to tell: while requests are in flight, or once one was refused.
        let seen = RefCell::new(Metrics::new());
        let lacks = || {
            let seen = seen.borrow();
            let of = |one: &Metrics, other: &Metrics| {
                one.iter().filter(|metric| other.get(metric.0) != Some(metric.1)).map(|of| format!("{of:?}")).collect()
            };
            let (unknown, unseen): (Vec<String>, Vec<String>) =
                (of(&seen, &guide[program]), of(&guide[program], &seen));
            (unknown, unseen)
        };
        let begun = std::time::Instant::now();
        wait_until(&format!("the {program} tells what the guide says"), || {
            seen.borrow_mut().extend(told(&look()));
            let (unknown, unseen) = lacks();
            assert!(unknown.is_empty(), "{program}: these are not in {GUIDE}: {unknown:?}");
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{program}: {GUIDE} names what nobody tells: {unseen:?}"
            );
            unseen.is_empty()
        });
    }
    site.stop();
    stream.finish();
}

fn scraped(url: &str, token: &str) -> String {
    let asked = ureq::get(url).header("Authorization", &format!("Bearer {token}"));
    asked.call().expect("it answers").body_mut().read_to_string().expect("it is text")
}
