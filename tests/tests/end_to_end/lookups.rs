//! The lookup of the stream against a large table.

use flightline_tests::Folder;

/// What memory may grow by once the table is loaded, in MiB.
const GROWTH: u64 = 8;

/// Fewer requests than the bench takes by itself; what grows with each of them is seen in two million, too.
#[test]
fn memory_stays_as_it_is_once_a_million_routes_are_loaded() {
    let ended = Folder::new().run("bench-lookup").words("2000000 1000000").succeed();
    let mib = |line: &str| line.strip_suffix(" MiB")?.rsplit(' ').next()?.parse().ok();
    let held: Vec<u64> = ended.stdout.lines().filter_map(mib).collect();
    assert_eq!(held.len(), 11, "after the table and after each tenth of the requests: {ended}");
    assert!(held.iter().all(|then| *then <= held[0] + GROWTH), "memory grew: {ended}");
}
