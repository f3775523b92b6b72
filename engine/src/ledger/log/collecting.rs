//! Deleting what nobody needs: the checkpoint first, then the entries that it holds, then the checkpoints before it.

use bytes::Bytes;

use super::{CHECKPOINTS, ENTRIES, LedgerLog, name};
use crate::contract::{Created, Fault};
use crate::failpoint;
use crate::ledger::{Book, Seq, checkpoint};

impl LedgerLog {
    /// Deletes the entries below `upto`, which [`collectable`](crate::ledger::collect::collectable) said of this book, and has the
    /// book forget them. A checkpoint holds what they add up to.
    ///
    /// # Errors
    /// As [`LedgerLog::load`]. What was done in part is done with the next collecting.
    pub fn collect(&self, book: &mut Book, upto: Seq) -> Result<(), Fault> {
        if upto <= book.first_seq() || upto >= book.next_seq() {
            return Ok(());
        }
        if self.newest_checkpoint()? < Some(upto) {
            let folded = self.read(Some(upto))?;
            // Otherwise somebody else collected more in the meantime.
            if let Some(line) = checkpoint::write(&folded).filter(|_| folded.next_seq() == upto) {
                self.put_checkpoint(upto, &Bytes::from(line))?;
            }
        }
        for (folder, numbers) in [ENTRIES, CHECKPOINTS].map(|folder| (folder, self.numbers(folder))) {
            for number in numbers?.into_iter().filter(|number| *number < upto) {
                self.blobs.delete(&name(folder, number))?;
            }
        }
        book.forget(upto);
        Ok(())
    }

    fn put_checkpoint(&self, number: Seq, line: &Bytes) -> Result<(), Fault> {
        let name = name(CHECKPOINTS, number);
        if self.blobs.create(&name, line.clone())? == Created::Taken
            && self.blobs.read(&name)?.is_some_and(|found| found != *line)
        {
            return Err(Fault::permanent(format!(
                "{name}: this differs from what the entries below {number} add up to; move it away, and if the job then doesn't start, restore the state folder from a copy"
            )));
        }
        failpoint::hit("checkpoint/after-create");
        Ok(())
    }
}
