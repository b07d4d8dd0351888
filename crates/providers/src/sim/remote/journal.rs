//! The simulated provider's own memory: a file of lines, written before an answer goes out, so that a process that was
//! killed comes back knowing what it did.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::sim::types::{Answer, SimEvent, SimPayment, SimRefund};

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Payment(SimPayment),
    Refund(SimRefund),
    /// What was answered under a key.
    Answered {
        key: String,
        print: String,
        answer: Answer,
    },
    /// This key's trouble has happened.
    Troubled {
        key: String,
    },
    /// An event, with when each of its deliveries is due, in microseconds since 1970.
    Event {
        event: SimEvent,
        due: Vec<i64>,
    },
    /// One delivery of an event has been taken.
    Delivered {
        event: String,
    },
}

/// Where lines go; nowhere, for a provider that lives as long as its process.
#[derive(Debug, Default)]
pub(super) struct Journal(Option<File>);

impl Journal {
    /// Opens the file for this process alone and hands every line in it to `replay`. A last line that was cut off never
    /// happened.
    pub(super) fn open(path: &Path, replay: impl FnMut(Line)) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        file.try_lock()?;
        let whole = read(&file, replay)?;
        file.set_len(whole)?;
        Ok(Self(Some(file)))
    }

    /// Hands every line in the file to `replay`; whoever writes it may go on doing so.
    pub(super) fn peek(path: &Path, replay: impl FnMut(Line)) -> io::Result<Self> {
        match File::open(path) {
            Ok(file) => _ = read(&file, replay)?,
            Err(none) if none.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Self(None))
    }

    /// Writes the changes of one call, whole or not at all.
    pub(super) fn write(&mut self, lines: &[Line]) -> io::Result<()> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        if lines.is_empty() {
            return Ok(());
        }
        let mut text = serde_json::to_vec(lines).map_err(io::Error::other)?;
        text.push(b'\n');
        file.write_all(&text)
    }
}

/// Every whole line; how many bytes those are.
fn read(file: &File, mut replay: impl FnMut(Line)) -> io::Result<u64> {
    let mut whole = 0_u64;
    let mut reader = BufReader::new(file);
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = reader.read_until(b'\n', &mut text)?;
        if read == 0 || text.last() != Some(&b'\n') {
            return Ok(whole);
        }
        for line in serde_json::from_slice::<Vec<Line>>(&text).map_err(io::Error::other)? {
            replay(line);
        }
        whole = whole.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
}
