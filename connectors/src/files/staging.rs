//! Names under which stores keep what is not whole yet, in the very folder of the object.
//!
//! The local store writes `NAME#1` and links it to `NAME`; HDFS writes `.NAME.tmp.1` and renames it. A writer that is
//! killed leaves such a name behind, and Spark and others would read `NAME#1` as data. It may be cleared away as soon as
//! `NAME` is there: nobody's link or rename to it can succeed any more, so no living writer loses anything but a try.

/// The name that a staging name is for; `None` for any other name.
pub(crate) fn final_name(name: &str) -> Option<&str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|sign| sign.is_ascii_digit());
    if let Some((stem, number)) = name.rsplit_once('#') {
        return (is_number(number) && !stem.is_empty()).then_some(stem);
    }
    let (stem, number) = name.strip_prefix('.')?.rsplit_once(".tmp.")?;
    (is_number(number) && !stem.is_empty()).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staging_names_tell_what_they_are_for() {
        assert_eq!(final_name("0042.jsonl#1"), Some("0042.jsonl"));
        assert_eq!(final_name(".0042.jsonl.tmp.12"), Some("0042.jsonl"));
        for name in
            ["0042.jsonl", "_flightline.json", "a#", "a#b", "#1", ".tmp.1", ".a.tmp.", "a.tmp.1", ".a.tmp.x", ""]
        {
            assert_eq!(final_name(name), None, "{name}");
        }
    }
}
