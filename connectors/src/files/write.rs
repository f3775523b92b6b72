//! Output that is there whole or not at all: [`AtomicFile`] and [`AtomicDir`].
//!
//! What is written goes to a hidden temporary beside the final name. [`commit`](AtomicFile::commit) brings it safely
//! to the disk, gives it its final name in one step, and brings that to the disk, too. Without a commit, the
//! temporary is removed; what a killed process leaves is swept by the next writer in the same folder. Nothing that
//! exists is replaced unless asked for: see [`Existing`] for what that means for a folder.
//!
//! Local paths only: object stores have no rename that is one step. What goes there is written by single puts.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::FileError;
use super::leftovers::{replaced_name, sweep, temporary_name};

/// What to do when the final name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Leave it, and refuse.
    Refuse,
    /// Replace it. A file is replaced in one step. A folder is first moved aside, and moved back if the new one can't
    /// take its place; after a kill between the two steps, the next writer in the same place moves it back.
    Replace,
}

/// Bytes that are buffered before they go to the file.
const BUFFER: usize = 256 << 10;

/// A temporary that is removed when it is dropped, and the final name it is for.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    target: PathBuf,
    existing: Existing,
    /// Held so that nobody sweeps the temporary.
    lock: File,
    /// False as soon as there is nothing left to remove.
    armed: bool,
}

/// A file that appears under its name when it is committed.
#[derive(Debug)]
pub struct AtomicFile {
    temporary: Temporary,
    out: BufWriter<File>,
}

/// A folder that appears under its name, with all that is in it, when it is committed.
#[derive(Debug)]
pub struct AtomicDir {
    temporary: Temporary,
}

impl AtomicFile {
    /// Starts a file that will be called `target`. Its folder must exist.
    ///
    /// # Errors
    /// [`FileError::Exists`] if the name is taken and not to be replaced; [`FileError::Write`] with the reason and
    /// what to do if it can't be written there.
    pub fn create(target: &Path, existing: Existing) -> Result<Self, FileError> {
        let make = |path: &Path| File::options().write(true).create_new(true).open(path);
        let temporary = Temporary::create(target, existing, make)?;
        let file = temporary.lock.try_clone().map_err(|error| temporary.failed(&error))?;
        Ok(Self { temporary, out: BufWriter::with_capacity(BUFFER, file) })
    }

    /// Makes it as long as this, with zeros after what was written; to be called last.
    ///
    /// # Errors
    /// As for the [`Write`] trait.
    pub fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.out.flush()?;
        self.temporary.lock.set_len(len)
    }

    /// Makes a [`FileError`] of an error of the [`Write`] trait.
    #[must_use]
    pub fn error(&self, error: &io::Error) -> FileError {
        self.temporary.failed(error)
    }

    /// Brings the file to the disk under its final name.
    ///
    /// # Errors
    /// As [`AtomicFile::create`]; the final name is then as it was.
    pub fn commit(mut self) -> Result<(), FileError> {
        let synced = self.out.flush().and_then(|()| self.temporary.lock.sync_all());
        synced.map_err(|error| self.temporary.failed(&error))?;
        let Temporary { path, target, existing, .. } = &self.temporary;
        let named = match existing {
            Existing::Replace => fs::rename(path, target),
            Existing::Refuse => rename_file_to_new(path, target),
        };
        self.temporary.finish(named)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl AtomicDir {
    /// Starts a folder that will be called `target`. The folder that it is in must exist.
    ///
    /// # Errors
    /// As [`AtomicFile::create`].
    pub fn create(target: &Path, existing: Existing) -> Result<Self, FileError> {
        let make = |path: &Path| {
            fs::create_dir(path)?;
            File::open(path)
        };
        Ok(Self { temporary: Temporary::create(target, existing, make)? })
    }

    /// Where to put what shall be in the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary.path
    }

    /// Writes one file into the folder.
    ///
    /// # Errors
    /// [`FileError::Write`] with the reason and what to do.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let written = fs::write(self.temporary.path.join(name), bytes);
        written.map_err(|error| FileError::from_write(&self.temporary.target.join(name), &error))
    }

    /// Makes a [`FileError`] of an error of writing into [`AtomicDir::path`].
    #[must_use]
    pub fn error(&self, error: &io::Error) -> FileError {
        self.temporary.failed(error)
    }

    /// Brings the folder and all that is in it to the disk under its final name.
    ///
    /// # Errors
    /// As [`AtomicFile::create`]; the final name is then as it was.
    pub fn commit(mut self) -> Result<(), FileError> {
        sync_tree(&self.temporary.path).map_err(|error| self.temporary.failed(&error))?;
        let Temporary { path, target, existing, .. } = &self.temporary;
        let named = match existing {
            Existing::Refuse => rename_folder_to_new(path, target),
            Existing::Replace => replace_folder(path, target),
        };
        self.temporary.finish(named)
    }
}

impl Temporary {
    fn create(
        target: &Path,
        existing: Existing,
        make: impl FnOnce(&Path) -> io::Result<File>,
    ) -> Result<Self, FileError> {
        let Some(name) = target.file_name().and_then(|name| name.to_str()) else {
            let cause = "it does not end in a plain name; choose another".to_owned();
            return Err(FileError::Write { path: target.display().to_string(), cause });
        };
        // Asked again when it is named; here, it saves the work.
        if existing == Existing::Refuse && target.symlink_metadata().is_ok() {
            return Err(FileError::Exists { path: target.display().to_string() });
        }
        sweep(folder_of(target));
        let path = folder_of(target).join(temporary_name(name));
        let lock = make(&path).map_err(|error| FileError::from_write(target, &error))?;
        let temporary = Self { path, target: target.to_owned(), existing, lock, armed: true };
        match temporary.lock.try_lock() {
            // Without locks the temporary is just not swept, if we are killed.
            Ok(()) | Err(fs::TryLockError::WouldBlock) => Ok(temporary),
            Err(fs::TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(temporary),
            Err(fs::TryLockError::Error(error)) => Err(temporary.failed(&error)),
        }
    }

    fn finish(&mut self, named: io::Result<()>) -> Result<(), FileError> {
        match named {
            Ok(()) => {
                self.armed = false;
                // Closing it is not enough: a child that is being spawned just now has a copy for a moment, and who opens the
                // file would find it locked. That it is not unlocked now only means that it is later.
                let _ = self.lock.unlock();
            }
            Err(error) if is_taken(&error) && self.existing == Existing::Refuse => {
                return Err(FileError::Exists { path: self.target.display().to_string() });
            }
            Err(error) => return Err(self.failed(&error)),
        }
        sync_folder(folder_of(&self.target)).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> FileError {
        FileError::from_write(&self.target, error)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let removed = if self.path.is_dir() { fs::remove_dir_all(&self.path) } else { fs::remove_file(&self.path) };
        if let Err(error) = removed {
            tracing::warn!(path = %self.path.display(), %error, "can't remove an unfinished output");
        }
    }
}

fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty)
}

/// A rename would replace; a second name for the same file can't.
fn rename_file_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if is_taken(&error) => Err(error),
        // A file system without links: the next best thing leaves an instant for somebody to come between.
        Err(_) => {
            refuse_taken(to)?;
            fs::rename(from, to)
        }
    }
}

/// The system itself refuses to replace a folder unless it is empty, and then nothing is lost.
fn rename_folder_to_new(from: &Path, to: &Path) -> io::Result<()> {
    refuse_taken(to)?;
    fs::rename(from, to)
}

fn refuse_taken(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => Ok(()),
    }
}

fn replace_folder(from: &Path, to: &Path) -> io::Result<()> {
    let old = match File::open(to) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return fs::rename(from, to),
        Err(error) => return Err(error),
    };
    // Best effort: the lock keeps sweepers off while the folder has its name from before.
    let _ = old.try_lock();
    let aside = folder_of(to).join(replaced_name(&to.file_name().unwrap_or_default().to_string_lossy()));
    fs::rename(to, &aside)?;
    if let Err(error) = fs::rename(from, to) {
        fs::rename(&aside, to)?;
        return Err(error);
    }
    let removed = if aside.is_dir() { fs::remove_dir_all(&aside) } else { fs::remove_file(&aside) };
    if let Err(error) = removed {
        tracing::warn!(path = %aside.display(), %error, "can't remove what was replaced");
    }
    Ok(())
}

fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_at_its_commit() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.jsonl");
        let mut file = AtomicFile::create(&target, Existing::Refuse).unwrap();
        file.write_all(b"one\n").unwrap();
        assert!(!target.exists());
        file.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"one\n");
        assert_eq!(names(folder.path()), ["out.jsonl"]);
    }

    #[test]
    fn without_a_commit_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(&folder.path().join("a"), Existing::Replace).unwrap();
        file.write_all(b"half").unwrap();
        let model = AtomicDir::create(&folder.path().join("model"), Existing::Refuse).unwrap();
        model.write("model.json", b"{").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop((file, model));
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_a_killed_writer_left_is_hidden_and_swept_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("model");
        let model = AtomicDir::create(&target, Existing::Refuse).unwrap();
        model.write("model.json", b"{").unwrap();
        // A kill runs no destructor, and lets go of the lock.
        let own = model.path().to_owned();
        let dead = folder.path().join(format!(".model.tmp-{}-0", u32::MAX));
        let AtomicDir { temporary } = model;
        temporary.lock.unlock().unwrap();
        std::mem::forget(temporary);
        fs::rename(&own, &dead).unwrap();
        assert!(!target.exists());

        let model = AtomicDir::create(&target, Existing::Refuse).unwrap();
        assert!(!dead.exists());
        model.commit().unwrap();
        assert_eq!(names(folder.path()), ["model"]);
    }

    #[test]
    fn a_replacing_that_was_killed_half_way_is_undone_by_the_next_writer() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join(format!(".model.old-{}-0", u32::MAX));
        fs::create_dir(&old).unwrap();
        fs::write(old.join("model.json"), "old").unwrap();
        AtomicFile::create(&folder.path().join("other"), Existing::Refuse).unwrap().commit().unwrap();
        assert_eq!(fs::read(folder.path().join("model/model.json")).unwrap(), b"old");

        fs::create_dir(&old).unwrap();
        fs::write(old.join("model.json"), "older").unwrap();
        AtomicFile::create(&folder.path().join("another"), Existing::Refuse).unwrap().commit().unwrap();
        assert_eq!(fs::read(folder.path().join("model/model.json")).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["another", "model", "other"]);
    }

    #[test]
    fn what_exists_is_kept_unless_replacing_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        fs::write(&target, "old").unwrap();
        assert!(matches!(AtomicFile::create(&target, Existing::Refuse), Err(FileError::Exists { .. })));
        let mut file = AtomicFile::create(&target, Existing::Replace).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn who_comes_second_to_a_name_is_refused_at_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        let first = AtomicFile::create(&target, Existing::Refuse).unwrap();
        let second = AtomicFile::create(&target, Existing::Refuse).unwrap();
        first.commit().unwrap();
        assert!(matches!(second.commit(), Err(FileError::Exists { .. })));

        let target = folder.path().join("model");
        let first = AtomicDir::create(&target, Existing::Refuse).unwrap();
        let second = AtomicDir::create(&target, Existing::Refuse).unwrap();
        first.write("a", b"first").unwrap();
        first.commit().unwrap();
        assert!(matches!(second.commit(), Err(FileError::Exists { .. })));
        assert_eq!(fs::read(target.join("a")).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["model", "out"]);
    }

    #[test]
    fn a_folder_is_replaced_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("model");
        for (name, expected) in [("old", vec!["old"]), ("new", vec!["new"])] {
            let model = AtomicDir::create(&target, Existing::Replace).unwrap();
            fs::create_dir(model.path().join("sub")).unwrap();
            fs::write(model.path().join("sub").join(name), name).unwrap();
            model.commit().unwrap();
            assert_eq!(names(&target.join("sub")), expected);
        }
        assert_eq!(names(folder.path()), ["model"]);
    }

    #[test]
    fn a_missing_folder_and_a_file_in_the_way_are_told_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("missing/out");
        let message = AtomicFile::create(&target, Existing::Refuse).unwrap_err().to_string();
        assert!(message.contains("missing/out") && message.contains("create it first"), "{message}");
        fs::write(folder.path().join("file"), "").unwrap();
        let target = folder.path().join("file/out");
        let message = AtomicDir::create(&target, Existing::Refuse).unwrap_err().to_string();
        assert!(message.contains("is a file, not a folder"), "{message}");
        assert!(AtomicFile::create(Path::new("/"), Existing::Replace).unwrap_err().is_storage());
    }

    /// Rarely, a store refused a file that it had just made: "another process holds it". That process was a child of its own,
    /// not yet the program that it was to become.
    #[test]
    fn what_has_its_name_is_not_locked_though_a_child_has_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        let file = AtomicFile::create(&target, Existing::Refuse).unwrap();
        // What a child gets.
        let copy = file.temporary.lock.try_clone().unwrap();
        file.commit().unwrap();
        File::open(&target).unwrap().try_lock().unwrap();
        drop(copy);
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_nothing() {
        // The system's own always-full device, where there is one.
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let folder = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(&folder.path().join("out"), Existing::Refuse).unwrap();
        file.out = BufWriter::new(full);
        file.write_all(b"lost").unwrap();
        let message = file.commit().unwrap_err().to_string();
        assert!(message.contains("the disk is full"), "{message}");
        assert!(names(folder.path()).is_empty());
    }
}
