//! What a word may hold: itself, and what follows a sign after which programs read a value.

use std::borrow::Cow;

/// Everything in a word that a program could take as a value: the word, what follows each `=` and `,` in it, what follows the
/// letters of a short flag; and all of that also with its `%`-escapes undone.
pub(super) fn values(word: &str) -> Vec<Cow<'_, str>> {
    let mut values: Vec<Cow<'_, str>> = parts(word).into_iter().map(Cow::Borrowed).collect();
    if let Some(decoded) = without_escapes(word) {
        values.extend(parts(&decoded).into_iter().map(|part| Cow::Owned(part.to_owned())));
    }
    // Parsers of URLs leave out white space before a URL and control characters anywhere in it.
    let tidy: String = word.trim().chars().filter(|sign| !sign.is_control()).collect();
    if tidy != word {
        values.extend(self::values(&tidy).into_iter().map(|part| Cow::Owned(part.into_owned())));
    }
    values
}

fn parts(word: &str) -> Vec<&str> {
    let mut parts = vec![word];
    parts.extend(word.match_indices(['=', ',']).map(|(at, sign)| &word[at + sign.len()..]));
    if word.starts_with('-') && !word.starts_with("--") {
        // `-i/a`, `-vi../a`: which letters are flags is for the program to know, so each may be the last one. A path's first
        // sign can't come after its first slash.
        let slash = word.find('/').unwrap_or(word.len());
        parts.extend(word.char_indices().skip(2).map(|(at, _)| at).take_while(|at| *at <= slash).map(|at| &word[at..]));
    }
    parts
}

/// The word with each `%2F` and the like as what it stands for; `None` if there is none.
fn without_escapes(word: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    let mut found = false;
    while let Some((first, others)) = rest.split_first() {
        let escape = (*first == b'%').then(|| others.get(..2)).flatten().and_then(hexadecimal);
        decoded.push(escape.unwrap_or(*first));
        rest = if escape.is_some() { &others[2..] } else { others };
        found |= escape.is_some();
    }
    found.then(|| String::from_utf8_lossy(&decoded).into_owned())
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let value =
        digits.iter().map(|digit| char::from(*digit).to_digit(16)).try_fold(0, |sum, digit| Some(sum * 16 + digit?))?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_what_they_say() {
        for (word, decoded) in [
            ("%2Fa%2f..%2Fb", Some("/a/../b")),
            ("a%20b", Some("a b")),
            ("%zz%2", None),
            ("100%", None),
            ("%ff/%2e", Some("\u{fffd}/.")),
            ("", None),
        ] {
            assert_eq!(without_escapes(word).as_deref(), decoded, "{word}");
        }
    }

    #[test]
    fn a_value_is_found_behind_each_sign() {
        assert_eq!(values("--set=a=/b,/c"), ["--set=a=/b,/c", "a=/b,/c", "/b,/c", "/c"]);
        assert_eq!(values("-i/a/b"), ["-i/a/b", "/a/b"]);
        assert_eq!(values("-vi../b"), ["-vi../b", "i../b", "../b", "./b", "/b"]);
        assert_eq!(values("-é/b"), ["-é/b", "/b"]);
    }
}
