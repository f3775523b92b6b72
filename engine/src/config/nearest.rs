//! "Did you mean": the known word that a mistyped one is closest to.

/// The candidate that is fewest typing errors away, if there is one that is close enough to be meant.
///
/// A typing error is a letter too many, too few, another letter, or two neighbours exchanged. A third of the word may
/// be wrong, and at least one letter. Of equally close candidates the first is taken.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.chars().collect();
    let allowed = (letters.len() / 3).max(1);
    let distances = candidates.into_iter().map(|candidate| {
        let other: Vec<char> = candidate.chars().collect();
        (distance(&letters, &other), candidate)
    });
    let close = distances.filter(|(errors, candidate)| *errors <= allowed && *errors < candidate.chars().count());
    close.min_by_key(|(errors, _)| *errors).map(|(_, candidate)| candidate)
}

/// The number of typing errors between two words (optimal string alignment).
fn distance(left: &[char], right: &[char]) -> usize {
    // Three rows of the usual matrix are enough: an exchange looks two rows back.
    let mut before: Vec<usize> = vec![0; right.len() + 1];
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, one) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in right.iter().enumerate() {
            let kept = above[j] + usize::from(one != other);
            let mut best = kept.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *one == right[j - 1] && left[i - 1] == *other {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = above;
        above = row;
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_word_is_found_and_a_far_one_is_not() {
        let known = ["url", "required", "selects", "roll_bytes", "roll_every"];
        for (typed, meant) in [
            ("ulr", Some("url")),
            ("requierd", Some("required")),
            ("select", Some("selects")),
            ("rollbytes", Some("roll_bytes")),
            ("rol_evry", Some("roll_every")),
            ("partitions", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }

    #[test]
    fn typing_errors_are_counted() {
        let errors = |left: &str, right: &str| {
            let letters = |word: &str| word.chars().collect::<Vec<_>>();
            distance(&letters(left), &letters(right))
        };
        assert_eq!(errors("", ""), 0);
        assert_eq!(errors("", "abc"), 3);
        assert_eq!(errors("abc", "acb"), 1);
        assert_eq!(errors("kitten", "sitting"), 3);
        assert_eq!(errors("ü", "u"), 1);
    }
}
