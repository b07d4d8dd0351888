//! Every authorization is written down before it is sent, and what became of it after.

mod book;
mod entry;
mod file;
mod line;

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use farebox_types::Timestamp;

use self::{book::Book, file::Log, line::Line};
pub(crate) use self::{
    book::Unclaimed,
    entry::{Entry, Outcome, Purpose, Standing, kept},
};
use crate::{
    Request,
    budget::{Denied, Spent},
    fare::Fare,
};

/// Where a payer writes down what it authorizes on chains, so that an unknown outcome is met with the same authorization
/// even after a restart, and a day's budget holds. Cheap to clone; clones are one journal.
///
/// It holds requests and signatures, never a key. Whoever reads a signature can bring that one payment to its payee until
/// it expires, so a file is its owner's alone (mode 0600).
#[derive(Clone, Default)]
pub struct Journal {
    book: Arc<Mutex<Book>>,
    log: Option<Arc<tokio::sync::Mutex<Log>>>,
}

/// A journal that cannot be used. Without it nothing is sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process has it open.
    #[error("another process is using it")]
    InUse,
    /// Of a newer version.
    #[error("its format {0} is not known")]
    Format(u32),
    /// A line is of another shape.
    #[error("it holds a line of another shape")]
    Unreadable,
    /// Not merely cut short.
    #[error("it is damaged in line {line}, and goes on after it")]
    Damaged {
        /// From 1; 0 for one that could not be written.
        line: usize,
    },
    /// Longer than a journal gets.
    #[error("the file is too long to be a journal")]
    TooLong,
    /// 4096 authorizations are open, or as many payees were paid today.
    #[error("it is full")]
    Full,
    /// The file system.
    #[error("{what}")]
    Io {
        /// What failed.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl JournalError {
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

/// Why an authorization was not written down, and so must not be sent.
pub(crate) enum Unwritten {
    Denied(Denied),
    Journal(JournalError),
}

impl Journal {
    /// One that ends with the process.
    #[must_use]
    pub fn memory() -> Self {
        Self::default()
    }

    /// One in a file of JSON lines, made if it is not there, with its folder. A last line that was cut short is passed
    /// over. It is rewritten now and then, so it stays as long as what is open and what was spent today.
    ///
    /// # Errors
    /// [`JournalError`]; one process at a time can have it open. Blocks on the file system.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let (log, book) = Log::open(path.as_ref())?;
        Ok(Self { book: Arc::new(Mutex::new(book)), log: Some(Arc::new(tokio::sync::Mutex::new(log))) })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was authorized today.
    pub(crate) fn spent(&self, fare: &Fare, now: Timestamp) -> Spent {
        let mut book = self.book();
        book.turn(now);
        book.spent(fare)
    }

    /// Writes `entry` down if what was spent today leaves room for it; it is durable when this returns.
    pub(crate) async fn write(
        &self,
        entry: Entry,
        allowed: impl FnOnce(&Spent) -> Result<(), Denied>,
    ) -> Result<Claim, Unwritten> {
        let log = match &self.log {
            Some(log) => Some((Arc::clone(log).lock_owned().await, file::text(&Line::authorized(&entry))?)),
            None => None,
        };
        {
            let mut book = self.book();
            book.turn(entry.signed_at);
            allowed(&book.spent(&entry.fare)).map_err(Unwritten::Denied)?;
            book.write(entry.clone())?;
        }
        let claim = Claim { journal: self.clone(), entry };
        let Some((log, line)) = log else { return Ok(claim) };
        let book = Arc::clone(&self.book);
        match blocking(move || append(log, &book, &line, true)).await {
            Ok(()) => Ok(claim),
            Err(error) => {
                self.book().take_back(&claim.entry.id);
                Err(error.into())
            }
        }
    }

    /// An authorization for this purpose that can still be settled, and that no running request is using.
    pub(crate) fn claim_for(&self, request: &Request, now: Timestamp) -> Option<Claim> {
        let entry = self.book().claim_for(|| Purpose::of(request), now)?;
        Some(Claim { journal: self.clone(), entry })
    }

    /// The authorization of that name.
    pub(crate) fn claim(&self, id: &str, now: Timestamp) -> Result<Claim, Unclaimed> {
        let entry = self.book().claim(id, now)?;
        Ok(Claim { journal: self.clone(), entry })
    }

    /// The fare of an authorization that `claim_for` would give.
    pub(crate) fn open_for(&self, request: &Request, now: Timestamp) -> Option<Fare> {
        self.book().open_for(Purpose::of(request), now).map(|entry| entry.fare.clone())
    }

    /// Names of the authorizations whose outcome is not known.
    pub(crate) fn unknown(&self, now: Timestamp) -> Vec<String> {
        let mut book = self.book();
        book.turn(now);
        let unknown = book.open().filter(|entry| matches!(entry.standing, Standing::Written | Standing::Unknown));
        unknown.map(|entry| entry.id.clone()).collect()
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("durable", &self.log.is_some()).finish_non_exhaustive()
    }
}

impl From<JournalError> for Unwritten {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// The right to use one authorization; others get it when this is dropped.
pub(crate) struct Claim {
    journal: Journal,
    entry: Entry,
}

impl Claim {
    pub(crate) const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Writes down what became of it. That line may be lost in a crash: then the authorization is shown once more, which
    /// moves nothing.
    pub(crate) async fn conclude(self, outcome: Outcome) {
        self.journal.book().conclude(&self.entry.id, &outcome);
        let Some(log) = &self.journal.log else { return };
        let log = Arc::clone(log).lock_owned().await;
        let book = Arc::clone(&self.journal.book);
        let line = Line::outcome(&self.entry.id, &outcome);
        let written = blocking(move || append(log, &book, &file::text(&line)?, false)).await;
        if let Err(error) = written {
            tracing::warn!(error = %error, "an outcome could not be written to the journal");
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.journal.book().let_go(&self.entry.id);
    }
}

fn append(
    mut log: tokio::sync::OwnedMutexGuard<Log>,
    book: &Mutex<Book>,
    line: &str,
    durable: bool,
) -> Result<(), JournalError> {
    log.append(line, durable)?;
    if log.is_long() {
        let lines = Line::all(&book.lock().unwrap_or_else(PoisonError::into_inner));
        // The line is written already; the file is only longer than need be.
        if let Err(error) = log.rewrite(&lines) {
            tracing::warn!(error = %error, "the journal could not be rewritten");
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(JournalError::io("it was not written")(io::Error::other(error))))
}
