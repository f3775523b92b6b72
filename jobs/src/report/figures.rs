//! Numbers as people read them: one form each, in the terminal and on the page.

/// A share of 1 as a percentage with one decimal.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A share of 1 as a whole percentage.
pub(super) fn whole_percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// A difference of two shares of 1 in percentage points, without its sign.
pub(super) fn points(difference: f64) -> String {
    let points = format!("{:.1}", difference.abs() * 100.0);
    if points == "1.0" { "1.0 point".to_owned() } else { format!("{points} points") }
}

/// A difference of two shares of 1 in percentage points, always with its sign.
pub(super) fn signed_points(difference: f64) -> String {
    let points = format!("{:.1}", difference.abs() * 100.0);
    let sign = if points == "0.0" {
        "±"
    } else if difference < 0.0 {
        "−"
    } else {
        "+"
    };
    format!("{sign}{points}")
}

/// A figure without a unit: three decimals.
pub(super) fn decimal(value: f64) -> String {
    format!("{value:.3}")
}

/// A count with a comma between thousands.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun, such as `1 row` and `2 rows`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    if number == 1 {
        return format!("1 {noun}");
    }
    let plural = if noun.ends_with('s') { "es" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// A duration in seconds, in the unit that suits it.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 0.0995 {
        format!("{:.0} ms", seconds.max(0.0) * 1e3)
    } else if seconds < 59.95 {
        let decimals = if seconds < 9.995 { 2 } else { 1 };
        format!("{seconds:.decimals$} s")
    } else {
        let whole = seconds.round() as u64;
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
        if hours > 0 { format!("{hours} h {minutes:02} min") } else { format!("{minutes} min {rest:02} s") }
    }
}

/// A difference of figures that are shown by [`decimal`].
pub(super) fn signed_decimal(difference: f64) -> String {
    format!("{difference:+.3}")
}

/// A size in decimal units, as disks and datasheets count.
pub(super) fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if size < 999.5 {
            let decimals = usize::from(unit == "GB" && size < 9.95);
            return format!("{size:.decimals$} {unit}");
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

/// The part of a model's id that people say aloud.
pub(super) fn short_id(id: &str) -> String {
    id.chars().take(12).collect()
}

/// `part` of `whole`; 0 of nothing and for what is no number.
pub(super) fn share(part: f64, whole: f64) -> f64 {
    let share = part / whole;
    if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!([count(0), count(999), count(1000), count(327_346)], ["0", "999", "1,000", "327,346"]);
        assert_eq!([counted(1, "row"), counted(2, "row"), counted(2, "process")], ["1 row", "2 rows", "2 processes"]);
        assert_eq!([percent(0.4984), whole_percent(0.4984)], ["49.8%", "50%"]);
        assert_eq!([points(-0.0932), points(0.01), points(0.0)], ["9.3 points", "1.0 point", "0.0 points"]);
        assert_eq!([signed_points(0.012), signed_points(-0.0932), signed_points(-0.0001)], ["+1.2", "−9.3", "±0.0"]);
        assert_eq!([seconds(0.0042), seconds(0.2), seconds(12.34)], ["4 ms", "0.20 s", "12.3 s"]);
        assert_eq!([seconds(59.97), seconds(61.4), seconds(7322.0)], ["1 min 00 s", "1 min 01 s", "2 h 02 min"]);
        assert_eq!([bytes(512), bytes(312_400_000), bytes(1_840_000_000)], ["512 bytes", "312 MB", "1.8 GB"]);
    }

    #[test]
    fn a_share_is_always_one() {
        assert_eq!([share(1.0, 0.0), share(0.0, 0.0), share(3.0, 2.0), share(1.0, 4.0)], [0.0, 0.0, 1.0, 0.25]);
    }
}
