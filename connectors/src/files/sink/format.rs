//! The formats of answer files: how buffered lines become a file, where a file ends, and its lines again.

use bytes::Bytes;
use flightline_engine::log::{Offset, Partition, Reached};
use object_store::PutPayload;

use super::buffer::Buffer;
use super::columns::Columns;
use super::parquet_file;
use super::position::{LastLine, last_line, position_of};
use crate::files::folder::Tail;

/// What a file sink writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// One JSON object a line, as it came.
    JsonLines,
    /// The same under the ending `.txt`, for tools that tail a folder.
    Text,
    /// Apache Parquet with these columns.
    Parquet(Columns),
}

/// The format of a folder's files, without what only a writer must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    JsonLines,
    Text,
    Parquet,
}

/// Where a file ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All below this is in it or before it.
    At(Reached),
    /// To tell needs this many of its last bytes.
    Needs(u64),
}

impl Kind {
    /// The ending of file names, which is also the name of the format.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Text => "txt",
            Self::Parquet => "parquet",
        }
    }

    /// The format of this name.
    pub(super) fn named(ending: &str) -> Option<Self> {
        [Self::JsonLines, Self::Text, Self::Parquet].into_iter().find(|kind| kind.ending() == ending)
    }

    /// Reads where a file ends from its last bytes.
    pub(super) fn end(self, partition: Partition, tail: &Tail) -> Result<End, String> {
        if self == Self::Parquet {
            return parquet_file::end(&tail.bytes, tail.size);
        }
        match last_line(&tail.bytes, tail.is_whole()) {
            LastLine::Line(line) => {
                let offset = offset_in(partition, line).map_err(|cause| format!("in its last line {cause}"))?;
                Ok(End::At(Reached::start(offset.next())))
            }
            LastLine::Longer => Ok(End::Needs(tail.size.min(16 * tail.bytes.len() as u64))),
            LastLine::None => Err("its last line has no end".to_owned()),
        }
    }

    /// All lines of a file, in order.
    pub(super) fn lines(self, partition: Partition, file: &Bytes) -> Result<Vec<(Offset, Bytes)>, String> {
        let bodies = match self {
            Self::Parquet => parquet_file::lines(file)?,
            Self::JsonLines | Self::Text => text_lines(file)?,
        };
        let placed = bodies.into_iter().zip(1..).map(|(body, number)| match offset_in(partition, &body) {
            Ok(offset) => Ok((offset, body)),
            Err(cause) => Err(format!("in line {number} {cause}")),
        });
        placed.collect()
    }
}

impl FileFormat {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::JsonLines => Kind::JsonLines,
            Self::Text => Kind::Text,
            Self::Parquet(_) => Kind::Parquet,
        }
    }

    /// Makes the file of all that is buffered, when all below `reached.next` was taken. Gives where the file ends, by what
    /// stands in it, too.
    pub(super) fn file(
        &self,
        partition: Partition,
        buffer: &mut Buffer,
        reached: Reached,
    ) -> Result<(PutPayload, Offset), String> {
        let Some((last, line)) = buffer.lines().last() else { return Err("there is no line for a file".to_owned()) };
        // A file whose end can't be read again would stop every later start.
        let said = offset_in(partition, &line)?;
        if said != last {
            return Err(format!("the line for offset {last} says offset {said}"));
        }
        match self {
            Self::JsonLines | Self::Text => Ok((buffer.payload(), last.next())),
            Self::Parquet(columns) => {
                let file = parquet_file::write(columns, buffer.lines(), reached)?;
                Ok((file.into(), reached.next))
            }
        }
    }
}

/// The offset that a line of this partition says.
fn offset_in(partition: Partition, line: &[u8]) -> Result<Offset, String> {
    let position = position_of(line)?;
    if position.partition == partition {
        Ok(position.offset)
    } else {
        Err(format!("partition {} is named where {partition} should be", position.partition))
    }
}

fn text_lines(file: &Bytes) -> Result<Vec<Bytes>, String> {
    let Some(text) = file.strip_suffix(b"\n") else { return Err("its last line has no end".to_owned()) };
    Ok(text.split(|sign| *sign == b'\n').map(|line| file.slice_ref(line)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(bytes: &str, size: u64) -> Tail {
        Tail { bytes: Bytes::from(bytes.to_owned()), size }
    }

    #[test]
    fn the_end_of_a_text_is_behind_its_last_line() {
        let text = "{\"Offset\":3,\"Partition\":1}\n{\"Offset\":7,\"Partition\":1}\n";
        let of = |bytes: &str| Kind::JsonLines.end(Partition(1), &tail(bytes, text.len() as u64));
        let end = Ok(End::At(Reached::start(Offset(8))));
        assert_eq!(of(text), end);
        assert_eq!(of(&text[20..]), end);
        assert_eq!(of(&text[40..]), Ok(End::Needs(text.len() as u64)));
        assert!(of(&text[..50]).unwrap_err().contains("no end"));
        let other = Kind::Text.end(Partition(2), &tail(text, text.len() as u64)).unwrap_err();
        assert!(other.contains("partition 1") && other.contains('2'), "{other}");
    }

    #[test]
    fn a_damaged_line_is_named_by_its_number() {
        let file = Bytes::from_static(b"{\"Offset\":3,\"Partition\":1}\n{\"Offset\":\n");
        let cause = Kind::JsonLines.lines(Partition(1), &file).unwrap_err();
        assert!(cause.contains("line 2"), "{cause}");
        assert!(Kind::JsonLines.lines(Partition(1), &Bytes::new()).is_err());
    }

    #[test]
    fn a_line_that_says_another_offset_is_never_written() {
        let mut buffer = Buffer::default();
        buffer.push(Offset(4), br#"{"Offset":5,"Partition":0}"#, std::time::Duration::ZERO);
        let cause = FileFormat::JsonLines.file(Partition(0), &mut buffer, Reached::start(Offset(5))).unwrap_err();
        assert!(cause.contains("offset 4") && cause.contains("offset 5"), "{cause}");
    }
}
