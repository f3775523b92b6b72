//! What holds for every edit of the defaults, and for every right configuration.

use proptest::prelude::*;

use super::*;

/// A way to break a line `key = value`, and what it becomes.
fn broken(how: u8, line: &str, noise: &str) -> String {
    let (key, _) = line.split_once(" = ").unwrap();
    match how {
        0 => line.replacen(key, &format!("{key}{noise}"), 1),
        1 => format!("{key} = [1]"),
        2 => format!("{key} = \"§{noise}\u{7}\""),
        3 => format!("{key} = \"\\u0007{noise}\""),
        4 => format!("{key} {noise}"),
        5 => format!("{key} = \"{noise}"),
        _ => format!("{key} = {{}}"),
    }
}

/// A layer with random values that are right.
fn right_values() -> impl Strategy<Value = String> {
    let words =
        ("[a-z][a-z0-9-]{0,8}", "[a-z][a-z0-9_.]{0,8}", 1_u32..=1024, 10_u64..=86_400_000, 65_536_u64..(1 << 30));
    let flags = (any::<bool>(), any::<bool>(), 0_usize..3, 0_usize..3);
    (words, flags).prop_map(|((name, topic, partitions, millis, bytes), (on, lag, format, spread))| {
        let (format, spread) = (["jsonl", "txt", "parquet"][format], ["auto", "everywhere", "by-key"][spread]);
        format!(
            "job.name = '{name}'\nembedded.partitions = {partitions}\n\
             table = {{ poll = '{millis}ms', spread = '{spread}', small_rows = {bytes} }}\n\
             limits.lagging_queue_bytes = {bytes}\nhttp.listen = '127.0.0.1:{}'\n\
             [sinks.files]\nenabled = {on}\nurl = 'file:../out/{name} x'\nformat = '{format}'\nroll_bytes = '{bytes}B'\n\
             [sinks.x-{name}]\nurl = 'embedded:topic/x.{topic}'\nrequired = {lag}\n",
            partitions + 1000
        )
    })
}

proptest! {
    #[test]
    fn a_broken_line_is_reported_with_its_number(
        picks in proptest::collection::btree_map(0_usize..1000, (0_u8..7, "[a-z]{3,5}q"), 1..4),
    ) {
        let keys = keys(DEFAULTS);
        let mut lines: Vec<String> = DEFAULTS.lines().map(str::to_owned).collect();
        let mut edited = BTreeSet::new();
        for (pick, (how, noise)) in picks {
            let (number, ..) = &keys[pick % keys.len()];
            if edited.insert(*number) {
                lines[number - 1] = broken(how, &lines[number - 1], &noise);
            }
        }
        let told = mistakes(&lines.join("\n"));
        for number in edited {
            let line = &lines[number - 1];
            prop_assert!(told.iter().any(|(at, _)| *at == number), "{number}: `{line}` is not among {told:#?}");
        }
    }

    #[test]
    fn no_edit_makes_it_panic(at in 0..DEFAULTS.len(), removed in 0_usize..40, put in ".{0,20}") {
        let at = DEFAULTS.floor_char_boundary(at);
        let end = DEFAULTS.ceil_char_boundary((at + removed).min(DEFAULTS.len()));
        let text = format!("{}{put}{}", &DEFAULTS[..at], &DEFAULTS[end..]);
        if let Err(Mistakes(mistakes)) = with(&text) {
            prop_assert!(!mistakes.is_empty());
            prop_assert!(mistakes.iter().all(|mistake| !mistake.remedy.is_empty() && mistake.place.layer() != ""));
        }
    }

    #[test]
    fn what_is_dumped_loads_to_the_same(text in right_values()) {
        let loaded = with(&text).unwrap();
        let again = with(&loaded.dump()).unwrap();
        prop_assert_eq!(&again.config, &loaded.config);
        prop_assert_eq!(again.agreement(), loaded.agreement());
    }
}
