//! The usual form of a JSON line, read in one pass.
//!
//! Programs write all lines of a file alike: the same fields in the same order, plain strings, short decimals. A
//! [`QuickReader`] expects of each line the field names of the line before, and knows nothing else of JSON. What it can't
//! read it declines, whether that is right or wrong, for `serde_json` to say.
//!
//! Invariant: a row that it gives is the very row that `serde_json` gives, bit for bit. So it declines escapes, exponents,
//! lists, objects, control characters, long numbers, negative zero as an integer, blanks other than spaces, and a column
//! that is there twice.

use std::borrow::Cow;

use super::super::column::Column;
use super::super::raw::{RawRow, RawValue};

/// The powers of ten that an `f64` holds exactly, as far as a short decimal needs them.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Digits of the longest number that is read here. Any such whole number is exact as an `f64`, and a quotient of two exact
/// numbers is the nearest to the decimal.
const MOST_DIGITS: usize = 15;

/// Field names of a line that are remembered.
const MOST_NAMES: usize = 64;

/// Reads lines, each with the help of the one before.
#[derive(Debug, Default)]
pub(super) struct QuickReader {
    /// The fields of the last line, in their order.
    names: Vec<Name>,
}

/// A field name as it stands in a line, with its quotes and the colon.
#[derive(Debug)]
struct Name {
    text: Box<[u8]>,
    column: Option<Column>,
}

/// A place in a line.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl QuickReader {
    /// The row of a line without blanks around it, or `None` for whatever is not of the usual form.
    pub(super) fn read<'a>(&mut self, line: &'a [u8]) -> Option<RawRow<'a>> {
        let mut cursor = Cursor { text: std::str::from_utf8(line).ok()?, at: 0 };
        let mut row = RawRow::default();
        let mut seen = 0_u32;
        cursor.expect(b'{')?;
        for number in 0.. {
            cursor.skip_spaces();
            let column = self.name(number, &mut cursor)?;
            cursor.skip_spaces();
            let value = cursor.value()?;
            if let Some(column) = column {
                let bit = 1 << column.index();
                if seen & bit != 0 {
                    return None;
                }
                seen |= bit;
                row.set(column, value);
            }
            cursor.skip_spaces();
            match cursor.next()? {
                b',' => {}
                b'}' if cursor.at == line.len() => break,
                _ => return None,
            }
        }
        Some(row)
    }

    /// The column that field number `number` of the line names.
    fn name(&mut self, number: usize, cursor: &mut Cursor<'_>) -> Option<Option<Column>> {
        if let Some(name) = self.names.get(number)
            && cursor.rest().starts_with(&name.text)
        {
            cursor.at += name.text.len();
            return Some(name.column);
        }
        let start = cursor.at;
        let column = Column::from_name(cursor.string()?);
        cursor.expect(b':')?;
        if number < MOST_NAMES {
            self.names.truncate(number);
            let text = cursor.text.as_bytes().get(start..cursor.at)?.into();
            self.names.push(Name { text, column });
        }
        Some(column)
    }
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn skip_spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Option<RawValue<'a>> {
        match self.peek()? {
            b'"' => self.string().map(|text| RawValue::Text(Cow::Borrowed(text))),
            b'-' | b'0'..=b'9' => self.number(),
            b'n' => self.word(b"null", RawValue::Null),
            b't' => self.word(b"true", RawValue::Integer(1)),
            b'f' => self.word(b"false", RawValue::Integer(0)),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8], value: RawValue<'a>) -> Option<RawValue<'a>> {
        self.rest().starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let length = self.rest().iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        let text = self.text.get(self.at..self.at + length)?;
        self.at += length;
        self.expect(b'"')?;
        Some(text)
    }

    /// A short decimal without exponent.
    fn number(&mut self) -> Option<RawValue<'a>> {
        let is_negative = self.peek() == Some(b'-');
        self.at += usize::from(is_negative);
        let (whole, length) = self.digits(0)?;
        if length > 1 && self.rest_before(length) == Some(b'0') {
            return None;
        }
        if self.peek() != Some(b'.') {
            // An exponent is none of the bytes that may follow a value.
            return match (is_negative, whole) {
                (true, 0) => None,
                (true, _) => Some(RawValue::Integer(-whole)),
                (false, _) => Some(RawValue::Integer(whole)),
            };
        }
        self.at += 1;
        let (digits, places) = self.digits(whole)?;
        if length + places > MOST_DIGITS {
            return None;
        }
        let number = digits as f64 / POWERS.get(places)?;
        Some(RawValue::Number(if is_negative { -number } else { number }))
    }

    /// Takes one digit or more, and appends them to those of `number`; with how many they were.
    fn digits(&mut self, mut number: i64) -> Option<(i64, usize)> {
        let start = self.at;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            if self.at - start == MOST_DIGITS {
                return None;
            }
            // Twice 15 digits may not fit: the sum of both is checked by the caller, and wraps until then.
            number = number.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'));
            self.at += 1;
        }
        (self.at > start).then_some((number, self.at - start))
    }

    /// The byte that stands `count` before this place.
    fn rest_before(&self, count: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at.checked_sub(count)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `serde_json` alone says, and what is said with the quick reader before it.
    fn both(reader: &mut QuickReader, line: &[u8]) -> (String, String) {
        let serde = |line| serde_json::from_slice::<RawRow<'_>>(line).map_err(drop);
        (format!("{:?}", serde(line)), format!("{:?}", reader.read(line).ok_or(()).or_else(|()| serde(line))))
    }

    fn name() -> impl Strategy<Value = String> {
        let column = proptest::sample::select(Column::ALL.to_vec()).prop_map(|column| column.name().to_owned());
        prop_oneof![8 => column, 1 => "[a-zé \\\\]{0,5}", 1 => Just("Arr\\u0044elay".to_owned())]
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => (-2000_i32..2000).prop_map(|number| format!("{number}.0")),
            4 => any::<i32>().prop_map(|number| number.to_string()),
            2 => "-?[0-9]{1,18}(\\.[0-9]{1,18})?",
            2 => "-?0?\\.?[0-9]{0,3}([eE][+-]?[0-9]{1,3})?",
            1 => any::<f64>().prop_map(|number| format!("{number:?}")),
            1 => any::<i64>().prop_map(|number| number.to_string()),
            1 => any::<u64>().prop_map(|number| number.to_string()),
            4 => "\"[ -!#-\\[\\]-~é😀]{0,12}\"",
            1 => "\"(\\\\[\"\\\\/bfnrtux0-9a-f]{1,5}|[a-z\t])*\"",
            1 => proptest::sample::select(vec!["null", "true", "false", "nul", "NaN", "Infinity", "[]", "[1,{}]", "{\"a\":[]}", ""])
                .prop_map(str::to_owned),
        ]
    }

    /// An object, mostly as programs write it.
    fn object() -> impl Strategy<Value = String> {
        let blank = || proptest::sample::select(vec!["", "", "", "", " ", "  ", "\t", "\r"]);
        let field = (blank(), name(), blank(), blank(), value(), blank());
        let field = field.prop_map(|(a, name, b, c, value, d)| format!("{a}\"{name}\"{b}:{c}{value}{d}"));
        proptest::collection::vec(field, 0..16).prop_map(|fields| format!("{{{}}}", fields.join(",")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn a_line_means_what_serde_json_says(
            lines in proptest::collection::vec(object(), 1..4), at: u16, byte: u8, how in 0..6,
        ) {
            let mut reader = QuickReader::default();
            for line in &lines {
                let mut line = line.clone().into_bytes();
                let at = at as usize % line.len();
                match how {
                    0 => line.truncate(at),
                    1 => line[at] = byte,
                    2 => line.insert(at, byte),
                    _ => {}
                }
                for _ in 0..2 {
                    let (serde, quick) = both(&mut reader, &line);
                    prop_assert_eq!(&quick, &serde, "{:?}", String::from_utf8_lossy(&line));
                }
            }
        }
    }

    #[test]
    fn the_usual_forms_are_not_declined() {
        let mut reader = QuickReader::default();
        for line in [
            r#"{"ArrDelay":5.0,"CRSArrTime":"2015-12-31T03:20:00.000-08:00","Carrier":"WN","DayOfMonth":31,"Dest":"SAN"}"#,
            r#"{"ArrDelay":-5.25,"CRSArrTime":"2015-12-31T03:20:00.000-08:00","Carrier":"WN","DayOfMonth":31,"Dest":"é"}"#,
            r#"{"Dest": null, "Carrier": "WN", "FlightNum": 6109, "Cancelled": false, "else": 0.001}"#,
            r#"{"DepDelay":999999999999999,"ArrDelay":-0.0}"#,
        ] {
            assert!(reader.read(line.as_bytes()).is_some(), "{line}");
        }
        for line in ["{}", "[]", "", "{\"ArrDelay\":1e2}", "{\"ArrDelay\":-0}", "{\"ArrDelay\":1,\"ArrDelay\":1}"] {
            assert!(reader.read(line.as_bytes()).is_none(), "{line}");
        }
    }
}
