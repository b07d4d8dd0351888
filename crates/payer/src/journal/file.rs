//! The journal's file: appended to, made durable before a payment is sent, rewritten when it grows long.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use super::{JournalError, book::Book, line::Line};

/// A longer file is not read.
const LONGEST: u64 = 64 * 1024 * 1024;
/// What a file may grow by, before it is rewritten.
const GROWTH: u64 = 256 * 1024;

/// An open journal file. Nobody else has it open: a lock on the file beside it says so.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    size: u64,
    rewrite_at: u64,
    /// Half a line stands at its end, and could not be taken away.
    broken: bool,
    /// Held until this is dropped; a process that dies lets go of it.
    _lock: File,
}

impl Log {
    /// Opens or makes the file, and reads what it holds.
    pub(super) fn open(path: &Path) -> Result<(Self, Book), JournalError> {
        if let Some(folder) = folder(path) {
            fs::create_dir_all(folder).map_err(JournalError::io("its folder cannot be made"))?;
        }
        let lock = private()
            .truncate(false)
            .open(beside(path, "lock"))
            .map_err(JournalError::io("its lock cannot be opened"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::InUse),
            Err(TryLockError::Error(error)) => return Err(JournalError::io("it cannot be locked")(error)),
        }
        let book = read(path)?;
        // Written anew, so that a line that was cut short is not gone on with.
        let (file, size) = replace(path, &Line::all(&book))?;
        sync_name(path)?;
        Ok((Self { path: path.to_owned(), file, size, rewrite_at: threshold(size), broken: false, _lock: lock }, book))
    }

    /// Appends a line; `durable`: and waits until it would survive a loss of power.
    pub(super) fn append(&mut self, line: &str, durable: bool) -> Result<(), JournalError> {
        if self.broken {
            return Err(JournalError::Damaged { line: 0 });
        }
        let written = self.file.write_all(line.as_bytes());
        let written = written.and_then(|()| if durable { self.file.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            // Half a line must not become the beginning of the next one.
            self.broken = self.file.set_len(self.size).is_err();
            return Err(JournalError::io("it cannot be written")(error));
        }
        self.size = self.size.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    pub(super) const fn is_long(&self) -> bool {
        self.size > self.rewrite_at
    }

    /// Writes the whole book, and goes on from there.
    pub(super) fn rewrite(&mut self, lines: &[Line]) -> Result<(), JournalError> {
        let (file, size) = replace(&self.path, lines)?;
        self.file = file;
        self.size = size;
        self.rewrite_at = threshold(size);
        self.broken = false;
        sync_name(&self.path)
    }
}

pub(super) fn text(line: &Line) -> Result<String, JournalError> {
    let mut text = serde_json::to_string(line).map_err(|_| JournalError::Unreadable)?;
    text.push('\n');
    Ok(text)
}

const fn threshold(size: u64) -> u64 {
    size.saturating_mul(2).saturating_add(GROWTH)
}

/// Reads up to where the file was cut. What cannot be read *before* something that can is damage, and no guess is made.
fn read(path: &Path) -> Result<Book, JournalError> {
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => {
            let mut file = file.take(LONGEST + 1);
            file.read_to_end(&mut text).map_err(JournalError::io("it cannot be read"))?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(JournalError::io("it cannot be opened")(error)),
    }
    if text.len() > usize::try_from(LONGEST).unwrap_or(usize::MAX) {
        return Err(JournalError::TooLong);
    }
    let mut book = Book::default();
    let mut cut = None;
    // What follows the last line end is a line that was cut short.
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let lines = text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').enumerate();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        match (serde_json::from_slice::<Line>(line), cut) {
            (Err(_), None) => cut = Some(number + 1),
            (Err(_), Some(_)) => {}
            (Ok(_), Some(line)) => return Err(JournalError::Damaged { line }),
            (Ok(line), None) => line.replay(&mut book)?,
        }
    }
    Ok(book)
}

/// Puts `lines` in the place of the file, all or nothing.
fn replace(path: &Path, lines: &[Line]) -> Result<(File, u64), JournalError> {
    let next = beside(path, "new");
    let failed = || JournalError::io("it cannot be rewritten");
    let _ = fs::remove_file(&next);
    let mut file = private().append(true).open(&next).map_err(failed())?;
    let mut all = String::new();
    for line in lines {
        all.push_str(&text(line)?);
    }
    file.write_all(all.as_bytes()).and_then(|()| file.sync_all()).map_err(failed())?;
    fs::rename(&next, path).map_err(failed())?;
    Ok((file, u64::try_from(all.len()).unwrap_or(u64::MAX)))
}

/// The name of a new file must survive too.
fn sync_name(path: &Path) -> Result<(), JournalError> {
    let Some(folder) = folder(path) else { return Ok(()) };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(JournalError::io("its folder cannot be written"))
}

/// For reading and writing by this user alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn folder(path: &Path) -> Option<&Path> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Some(Path::new(".")),
        folder => folder,
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use farebox_types::Timestamp;
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::{
        fare::tests::fare,
        journal::{
            Entry, Journal, Outcome, Standing, Unwritten,
            entry::{Purpose, restored},
        },
    };

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn entry(id: &str) -> Entry {
        let request = restored("GET", "https://a.example/").unwrap();
        Entry {
            id: id.to_owned(),
            purpose: Purpose::of(&request),
            request: Some(request),
            header: (HeaderName::from_static("payment-signature"), HeaderValue::from_static("e30=")),
            fare: fare(10_000),
            payer: "0x01".to_owned(),
            signed_at: NOW,
            valid_until: Timestamp::from_seconds(1_800_000_060),
            standing: Standing::Written,
        }
    }

    #[tokio::test]
    async fn what_cannot_be_written_down_is_neither_sent_nor_counted() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("payer.jsonl");
        let journal = Journal::open(&path).unwrap();
        // A file that takes nothing, as on a disk that is full.
        let log = Arc::clone(journal.log.as_ref().unwrap());
        let writable = std::mem::replace(&mut log.lock().await.file, File::open(&path).unwrap());
        let refused = journal.write(entry("01"), |_| Ok(())).await;
        assert!(matches!(refused, Err(Unwritten::Journal(JournalError::Io { .. }))));
        drop(refused);
        assert!(journal.unknown(NOW).is_empty());
        assert!(journal.spent(&fare(1), NOW).today.units.is_zero());

        // Half a line may be in the way, so nothing more is written until the file is made anew.
        log.lock().await.file = writable;
        let refused = journal.write(entry("02"), |_| Ok(())).await;
        assert!(matches!(refused, Err(Unwritten::Journal(JournalError::Damaged { .. }))));
    }

    #[tokio::test]
    async fn an_authorization_that_was_never_sent_leaves_nothing_behind() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("payer.jsonl");
        for round in 0..2 {
            let journal = Journal::open(&path).unwrap();
            assert!(journal.unknown(NOW).is_empty(), "{round}");
            assert!(journal.spent(&fare(1), NOW).today.units.is_zero(), "{round}");
            let Ok(claim) = journal.write(entry("01"), |_| Ok(())).await else { panic!("written") };
            assert_eq!(journal.spent(&fare(1), NOW).today.units, 10_000.into());
            claim.conclude(Outcome::Unsent).await;
        }
    }
}
