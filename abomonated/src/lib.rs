//! Messages as memory: `abomonation`, once timely's own way to write, in a crate that nothing uses unless asked to.
//!
//! **Unsound** (RUSTSEC-2021-0120): memory is taken for bytes, and bytes for memory. The functions below are not marked
//! `unsafe`, since the crates that call them may not say it, but they are: what comes from another process is believed.
//!
//! A vector is sent as its three fields, address included, followed by its elements; the reader keeps the length and puts
//! an address of its own in. So
//!
//! - **a wrong message may do anything**: a length whose product with the size of an element overflows passes the only
//!   check, and then memory beyond the message is read; fields of a vector that no vector can have are undefined
//!   behaviour by themselves;
//! - the addresses of the sender's memory are told to whoever listens, which helps whoever wants to break in;
//! - both ends must be one build on one kind of machine: the order of fields is the compiler's choice.
//!
//! Only a mesh in which every host, process and wire is trusted may use it. Flightline's handshake proves who joins, and
//! nothing about what comes later. It takes numbers alone and lists of them ([`Part`]), so that no bits can be a wrong
//! value, and without padding, so that none is read.

use std::io::{self, Write};
use std::slice;

use abomonation::Abomonation;

/// Bytes by which every part begins at a multiple.
const ALIGNMENT: usize = size_of::<u64>();

/// What can be sent: numbers, and lists of them, without padding between them.
pub trait Part: Abomonation {}

impl Part for Vec<u32> {}
impl Part for (u64, Vec<(u64, u32, u32)>) {}

/// Bytes that [`write()`] writes: a multiple of 8.
pub fn length<P: Part>(part: &P) -> usize {
    abomonation::measure(part).next_multiple_of(ALIGNMENT)
}

/// Writes a part.
///
/// # Errors
/// Those of `writer`.
pub fn write<P: Part, W: Write>(part: &P, writer: &mut W) -> io::Result<()> {
    // SAFETY: sound as far as reading goes: a `Part` has no padding. That addresses are among the bytes is said above.
    unsafe { abomonation::encode(part, writer)? };
    let written = abomonation::measure(part);
    writer.write_all(&[0; ALIGNMENT][..written.next_multiple_of(ALIGNMENT) - written])
}

/// A message, copied to where it can be read in place: what arrives lies at any address, and `abomonation` writes
/// addresses into it.
#[derive(Debug)]
pub struct AlignedCopy {
    memory: Vec<u64>,
    /// Elements of `memory` that were read.
    done: usize,
}

impl AlignedCopy {
    /// Copies a message. What is beyond a multiple of 8 bytes is no part of one, and left out.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let memory = bytes.as_chunks().0.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect();
        Self { memory, done: 0 }
    }

    /// Whether all parts were read.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.done == self.memory.len()
    }

    /// The next part, in place, which must be of the type that was written; `None` where the message is too short.
    pub fn read<P: Part>(&mut self) -> Option<&P> {
        let unread = self.memory.get_mut(self.done..)?;
        let bytes = size_of_val(unread);
        // SAFETY: as many bytes as the elements have, borrowed as long as they are. Any bits make a `u64`.
        let unread = unsafe { slice::from_raw_parts_mut(unread.as_mut_ptr().cast::<u8>(), bytes) };
        // SAFETY: **unsound**: nothing shows that these bytes were written by `write` for this type. They begin at a
        // multiple of 8, and so do the elements after the fixed fields, which are multiples of 8, too.
        let (part, rest) = unsafe { abomonation::decode::<P>(unread)? };
        // The rest begins where the part ends, before the bytes that fill it up.
        self.done += (bytes - rest.len()).div_ceil(ALIGNMENT);
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Head = (u64, Vec<(u64, u32, u32)>);

    #[test]
    fn no_part_has_padding_and_each_is_aligned_by_eight() {
        assert_eq!(size_of::<Head>(), size_of::<u64>() + size_of::<Vec<u32>>());
        assert_eq!(size_of::<(u64, u32, u32)>(), size_of::<u64>() + 2 * size_of::<u32>());
        assert_eq!((align_of::<Head>(), align_of::<Vec<u32>>()), (ALIGNMENT, ALIGNMENT));
        assert_eq!((size_of::<Head>() % ALIGNMENT, size_of::<Vec<u32>>() % ALIGNMENT), (0, 0));
    }

    proptest! {
        #[test]
        fn parts_come_back_aligned_wherever_the_message_lies(
            parts in prop::collection::vec((any::<u64>(), prop::collection::vec(any::<(u64, u32, u32)>(), 0..5),
                prop::collection::vec(any::<u32>(), 0..5)), 0..4),
            offset in 0_usize..8,
        ) {
            let mut bytes = vec![0; offset];
            for (owner, nodes, words) in &parts {
                let (head, start) = ((*owner, nodes.clone()), bytes.len());
                write(&head, &mut bytes).unwrap();
                write(words, &mut bytes).unwrap();
                prop_assert_eq!(bytes.len() - start, length(&head) + length(words));
            }
            let mut copy = AlignedCopy::of(&bytes[offset..]);
            for (owner, nodes, words) in &parts {
                let head = copy.read::<Head>().unwrap();
                prop_assert_eq!((&head.0, &head.1), (owner, nodes));
                prop_assert!(head.1.as_ptr().is_aligned());
                let read = copy.read::<Vec<u32>>().unwrap();
                prop_assert_eq!(read, words);
                prop_assert!(read.as_ptr().is_aligned());
            }
            prop_assert!(copy.is_read() && copy.read::<Vec<u32>>().is_none());
        }

        #[test]
        fn a_message_cut_short_ends_early(words in prop::collection::vec(any::<u32>(), 1..40), keep in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            write(&words, &mut bytes).unwrap();
            let needed = size_of::<Vec<u32>>() + size_of_val(words.as_slice());
            bytes.truncate(keep.index(needed / ALIGNMENT) * ALIGNMENT);
            prop_assert!(AlignedCopy::of(&bytes).read::<Vec<u32>>().is_none());
        }
    }
}
