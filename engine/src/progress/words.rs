//! How a stage reads: the same words beside a bar and in a plain line.

use std::time::Duration;

use super::pace::Pace;
use super::stage::{Snapshot, Unit};

/// `45%, 2 s left, 147,305 of 327,346 rows, 120,000 rows/s`; what isn't known is left out. A narrow terminal cuts the
/// end, so what matters most comes first.
pub(super) fn running(look: &Snapshot, pace: &Pace) -> String {
    let mut parts = Vec::new();
    if let Some(total) = look.total {
        parts.push(format!("{:>3}%", u128::from(look.done) * 100 / u128::from(total.max(1))));
        parts.extend(pace.left(total - look.done).map(|left| format!("{} left", span_to_come(left))));
        parts.push(format!("{} of {}", bare(look.done, look.unit), amount(total, look.unit)));
    } else {
        parts.push(amount(look.done, look.unit));
    }
    parts.extend(pace.rate().map(|rate| speed(rate, look.unit)));
    parts.join(", ")
}

/// `327,346 rows in 1.2 s (272,788 rows/s)`.
pub(super) fn finished(look: &Snapshot) -> String {
    let amount = amount(look.done, look.unit);
    let took = span(look.elapsed);
    let seconds = look.elapsed.as_secs_f64();
    // Of next to nothing in next to no time, a rate says nothing.
    if look.done == 0 || seconds < 0.01 {
        return format!("{amount} in {took}");
    }
    format!("{amount} in {took} ({})", speed(look.done as f64 / seconds, look.unit))
}

fn amount(units: u64, unit: Unit) -> String {
    if unit == Unit::Bytes { bare(units, unit) } else { format!("{} {}", bare(units, unit), noun(unit, units == 1)) }
}

fn bare(units: u64, unit: Unit) -> String {
    if unit == Unit::Bytes { bytes(units as f64) } else { grouped(units) }
}

fn speed(rate: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => format!("{}/s", bytes(rate)),
        _ if rate < 10.0 => format!("{rate:.1} {}/s", noun(unit, false)),
        _ => format!("{} {}/s", grouped(rate.round() as u64), noun(unit, false)),
    }
}

fn noun(unit: Unit, one: bool) -> &'static str {
    match (unit, one) {
        (Unit::Rows, true) => "row",
        (Unit::Rows, false) => "rows",
        (Unit::Nodes, true) => "node",
        (Unit::Nodes, false) => "nodes",
        (Unit::Trees, true) => "tree",
        (Unit::Trees, false) => "trees",
        (Unit::Files, true) => "file",
        (Unit::Files, false) => "files",
        (Unit::Levels, true) => "level",
        (Unit::Levels, false) => "levels",
        (Unit::Bytes, true) => "byte",
        (Unit::Bytes, false) => "bytes",
    }
}

/// Digits in groups of three, with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = match digits.len() % 3 {
        0 => 3,
        rest => rest,
    };
    let (head, tail) = digits.split_at(first.min(digits.len()));
    let groups =
        tail.as_bytes().chunks(3).map(|group| group.iter().map(|digit| char::from(*digit)).collect::<String>());
    groups.fold(head.to_owned(), |text, group| format!("{text},{group}"))
}

fn bytes(number: f64) -> String {
    const STEPS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = number;
    let mut step = 0;
    // 1023.95 would be shown as 1024.0 of the smaller unit.
    while scaled >= 1023.95 && step + 1 < STEPS.len() {
        scaled /= 1024.0;
        step += 1;
    }
    if step == 0 { format!("{scaled:.0} B") } else { format!("{scaled:.1} {}", STEPS[step]) }
}

/// A time that has passed: exact enough to compare two runs.
fn span(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 0.995 => format!("{seconds:.2} s"),
        _ if seconds < 59.95 => format!("{seconds:.1} s"),
        _ => whole_minutes(time),
    }
}

/// A time to come: rounded up to what can be known.
fn span_to_come(time: Duration) -> String {
    let seconds = time.as_secs_f64().ceil() as u64;
    if seconds < 60 { format!("{} s", seconds.max(1)) } else { whole_minutes(Duration::from_secs(seconds)) }
}

fn whole_minutes(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(done: u64, total: Option<u64>, unit: Unit, millis: u64) -> Snapshot {
        Snapshot { name: "read", unit, done, total, elapsed: Duration::from_millis(millis), ended: false }
    }

    #[test]
    fn numbers_read_easily() {
        let grouped_ones = [(0, "0"), (999, "999"), (1000, "1,000"), (327_346, "327,346"), (1_000_000, "1,000,000")];
        grouped_ones.iter().for_each(|(number, text)| assert_eq!(grouped(*number), *text));
        let sizes =
            [(0.0, "0 B"), (1023.0, "1023 B"), (1536.0, "1.5 KiB"), (1_048_575.0, "1.0 MiB"), (5e12, "4.5 TiB")];
        sizes.iter().for_each(|(number, text)| assert_eq!(bytes(*number), *text));
        let spans = [(4, "0.00 s"), (996, "1.0 s"), (1234, "1.2 s"), (59_960, "1 min 00 s"), (3_725_000, "1 h 02 min")];
        spans.iter().for_each(|(millis, text)| assert_eq!(span(Duration::from_millis(*millis)), *text));
    }

    #[test]
    fn a_running_stage_says_what_is_known_and_no_more() {
        let mut pace = Pace::default();
        assert_eq!(running(&look(5, None, Unit::Trees, 0), &pace), "5 trees");
        assert_eq!(running(&look(1, None, Unit::Trees, 0), &pace), "1 tree");
        pace.observe(Duration::ZERO, 0);
        pace.observe(Duration::from_secs(2), 2400);
        let known = look(2400, Some(6000), Unit::Rows, 2000);
        assert_eq!(running(&known, &pace), " 40%, 3 s left, 2,400 of 6,000 rows, 1,200 rows/s");
        assert_eq!(running(&look(2400, None, Unit::Rows, 2000), &pace), "2,400 rows, 1,200 rows/s");
    }

    #[test]
    fn a_finished_stage_says_how_long_it_took() {
        assert_eq!(finished(&look(20, Some(20), Unit::Trees, 4000)), "20 trees in 4.0 s (5.0 trees/s)");
        assert_eq!(finished(&look(3 << 20, None, Unit::Bytes, 1500)), "3.0 MiB in 1.5 s (2.0 MiB/s)");
        assert_eq!(finished(&look(7, None, Unit::Rows, 2)), "7 rows in 0.00 s");
    }
}
