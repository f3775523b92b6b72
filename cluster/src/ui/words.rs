//! Numbers, times and foreign text as people read them: one form each on every page.
//!
//! What changes by itself as time passes is said coarsely, so that a page that stands open is not sent again each second.

use std::time::Duration;

use chrono::DateTime;

use crate::ids::Moment;

/// Text of any origin, fit to be shown in one line: whatever could steer a terminal or turn the reading direction is spelt
/// out. Markup is the templates' business, which escape everything.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// A log, fit to be shown: lines and tabs stay, other control characters are named.
pub(super) fn log_text(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\n' | '\t' => clean.push(c),
            '\r' if characters.peek() == Some(&'\n') => {}
            // As terminals and editors show them: `^[` is escape.
            '\0'..='\u{1f}' | '\u{7f}' => clean.extend(['^', char::from(c as u8 ^ 0x40)]),
            c if c.is_control() || turns(c) => clean.extend(c.escape_default()),
            c => clean.push(c),
        }
    }
    clean
}

/// What was said for a log or an error, as a sentence on a page.
pub(super) fn sentence(text: &str) -> String {
    let text = clean(text);
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}

/// Whether a character turns the reading direction of those after it.
fn turns(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text, or its beginning and an ellipsis, in at most so many characters.
pub(super) fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A count with a comma between thousands.
pub(super) fn count(count: u64) -> String {
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

/// A count with its noun: `1 job`, `2 jobs`, `3 processes`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    if number == 1 {
        return format!("1 {noun}");
    }
    let plural = match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with(['s', 'h']) => format!("{noun}es"),
        _ => format!("{noun}s"),
    };
    format!("{} {plural}", count(number))
}

/// A number where there is little room: `999`, `1.2k`, `34k`, `5.6M`.
pub(super) fn short(number: f64) -> String {
    let mut size = if number.is_finite() { number.max(0.0) } else { 0.0 };
    for unit in ["", "k", "M", "G", "T"] {
        if size < 999.5 {
            let whole = unit.is_empty() && size.fract().abs() < 1e-9;
            let decimals = usize::from(!whole && size < 9.95);
            return format!("{size:.decimals$}{unit}");
        }
        size /= 1000.0;
    }
    format!("{size:.0}P")
}

/// A length of time, in its two largest units.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if time < Duration::from_millis(50) => "<0.1 s".to_owned(),
        (0, 0, 0) if seconds < 10 => format!("{:.1} s", time.as_secs_f64()),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {:02} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes:02} min"),
        _ => format!("{} {hours} h", counted(days, "day")),
    }
}

/// A length of time that still grows: so coarse that it rarely changes.
pub(super) fn growing(time: Duration) -> String {
    match time.as_secs() {
        0..10 => "a few seconds".to_owned(),
        seconds @ 10..60 => format!("{} s", seconds / 10 * 10),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        _ => span(time),
    }
}

/// How long ago a moment was.
pub(super) fn ago(now: Moment, then: Moment) -> String {
    match now.since(then) {
        time if time < Duration::from_secs(10) => "just now".to_owned(),
        time => format!("{} ago", growing(time)),
    }
}

/// How long it is until a moment.
pub(super) fn until(now: Moment, then: Moment) -> String {
    if then <= now { "now".to_owned() } else { format!("in {}", growing(then.since(now))) }
}

/// A moment as a date and time, in UTC.
pub(super) fn date(moment: Moment) -> String {
    at(moment, "%Y-%m-%d %H:%M:%S UTC")
}

/// The time of day of a moment, in UTC.
pub(super) fn clock(moment: Moment) -> String {
    at(moment, "%H:%M:%S")
}

/// A moment as machines read it.
pub(super) fn machine_date(moment: Moment) -> String {
    at(moment, "%Y-%m-%dT%H:%M:%SZ")
}

fn at(moment: Moment, form: &str) -> String {
    let date = i64::try_from(moment.0).ok().and_then(DateTime::from_timestamp_millis);
    date.map_or_else(|| "?".to_owned(), |date| date.format(form).to_string())
}

/// `part` of `whole`, from 0 to 1; 0 of nothing.
#[allow(clippy::cast_precision_loss, reason = "a bar is some hundred points wide")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).clamp(0.0, 1.0) }
}

/// A share of 1 as a percentage.
pub(super) fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.0005 { "<0.1%".to_owned() } else { format!("{:.1}%", share * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_as_people_write_them() {
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!(
            [counted(1, "job"), counted(2, "process"), counted(3, "entry")],
            ["1 job", "2 processes", "3 entries"]
        );
        assert_eq!(
            [0.0, 7.0, 2.34, 999.4, 1234.0, 34_200.0, 5.6e6].map(short),
            ["0", "7", "2.3", "999", "1.2k", "34k", "5.6M"]
        );
        assert_eq!([f64::NAN, -1.0, 1e30].map(short), ["0", "0", "1000000000000000P"]);
        let spans = [0, 59, 61, 7322, 90_000, 180_000].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(spans, ["<0.1 s", "59 s", "1 min 01 s", "2 h 02 min", "1 day 1 h", "2 days 2 h"]);
        assert_eq!([percent(0.5), percent(0.0), percent(0.0001)], ["50.0%", "0.0%", "<0.1%"]);
    }

    #[test]
    fn time_that_passes_is_said_coarsely() {
        let now = Moment(1_766_000_000_000);
        let back = |seconds: u64| ago(now, Moment(now.0 - seconds * 1000));
        assert_eq!(
            [back(0), back(9), back(47), back(61), back(7322)],
            ["just now", "just now", "40 s ago", "1 min ago", "2 h 02 min ago"]
        );
        assert_eq!(ago(now, Moment(now.0 + 5000)), "just now");
        assert_eq!(until(now, Moment(now.0 + 47_000)), "in 40 s");
        assert_eq!(until(now, now), "now");
        assert_eq!(date(now), "2025-12-17 19:33:20 UTC");
        assert_eq!(date(Moment(u64::MAX)), "?");
    }

    #[test]
    fn what_could_steer_is_spelt_out() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{202e}d é"), "a\\u{1b}[2Jb\\nc\\u{202e}d é");
        assert_eq!(log_text("a\u{1b}[31mb\r\n\tc\rd\0\u{7f}\u{202e}\u{9b}"), "a^[[31mb\n\tc^Md^@^?\\u{202e}\\u{9b}");
        assert_eq!([sentence("no such job"), sentence("It was: why?")], ["No such job.", "It was: why?"]);
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(clip("日本語", 3), "日本語");
    }
}
