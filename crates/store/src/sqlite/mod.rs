//! SQLite: one file, one process, one writer thread; readers on their own connections.

mod billing;
mod billing_reads;
mod billing_store;
mod cold;
mod deliveries;
mod delivering;
mod gate_answers;
mod ledger;
mod paying;
mod payments;
mod reads;
mod schema;
mod settlement_reads;
mod settlements;
mod settling;
mod steps;
mod store;
mod writer;

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use farebox_types::Clock;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::{Fault, Retry, lanes::Lanes};

const READERS: usize = 4;
const READ_ONLY: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// A ledger in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    lanes: Lanes,
    readers: Arc<Readers>,
    writer: Mutex<Option<thread::JoinHandle<()>>>,
    clock: Arc<dyn Clock>,
    // Held for the store's lifetime: this process owns the file.
    _ownership: Option<File>,
}

impl SqliteStore {
    /// Opens or creates the file and takes ownership of it for this process.
    ///
    /// # Errors
    /// A [`Fault`] that says what to do if another process owns the file, or it cannot be created or read.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        // Balances are nobody else's business: a new file is its owner's alone. What is wrong with the path, SQLite says.
        drop(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path));
        let connection = connect(path, OpenFlags::default())?;
        let ownership = own(path)?;
        let (lanes, lane) = Lanes::one();
        let writer = writer::Writer::new(connection, Arc::clone(&clock));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| Fault::never(format!("the writer cannot start: {error}")))?;
        let thread = thread::Builder::new()
            .name("farebox-writer".into())
            .spawn(move || runtime.block_on(lane.run(writer)))
            .map_err(|error| Fault::never(format!("the writer cannot start: {error}")))?;
        Ok(Self::new(path, OpenFlags::default(), lanes, (Some(thread), Some(ownership)), clock))
    }

    /// Opens an existing file to read it, beside the process that owns it. Every write is refused.
    ///
    /// # Errors
    /// A [`Fault`] if there is no such file, or it cannot be read.
    pub fn open_to_read(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        if !path.is_file() {
            return Err(Fault::never(format!("there is no database file {}", path.display())));
        }
        let (lanes, _) = Lanes::one();
        Ok(Self::new(path, READ_ONLY, lanes, (None, None), clock))
    }

    fn new(
        path: &Path,
        flags: OpenFlags,
        lanes: Lanes,
        (writer, ownership): (Option<thread::JoinHandle<()>>, Option<File>),
        clock: Arc<dyn Clock>,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(READERS));
        let readers = Readers { path: path.to_owned(), idle: Mutex::default(), permits, flags };
        Self {
            path: path.to_owned(),
            lanes,
            readers: Arc::new(readers),
            writer: Mutex::new(writer),
            clock,
            _ownership: ownership,
        }
    }

    /// Runs a read on a connection of its own, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let readers = Arc::clone(&self.readers);
        let permits = Arc::clone(&self.readers.permits);
        let permit = permits.acquire_owned().await.map_err(|_| Fault::closed())?;
        let task = tokio::task::spawn_blocking(move || {
            // Held to the end of the read, also when whoever asked has gone away.
            let _permit = permit;
            let connection = readers.take()?;
            let answer = read(&connection);
            readers.put(connection);
            answer
        });
        task.await.map_err(|error| Fault::never(format!("a read ended early: {error}")))?
    }
}

struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    flags: OpenFlags,
}

impl Readers {
    fn take(&self) -> Result<Connection, Fault> {
        let idle = lock(&self.idle).pop();
        idle.map_or_else(|| connect(&self.path, self.flags), Ok)
    }

    fn put(&self, connection: Connection) {
        let mut idle = lock(&self.idle);
        if idle.len() < READERS {
            idle.push(connection);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks `<file>.lock`, beside the file itself, whatever link leads to it. The lock goes with the process, however it ends.
fn own(path: &Path) -> Result<File, Fault> {
    let cannot = |what: &Path, error: std::io::Error| {
        Fault::never(format!("cannot create {}: {error}; may you write in its folder?", what.display()))
    };
    let mut name = path.canonicalize().map_err(|error| cannot(path, error))?.into_os_string();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(|error| cannot(&name, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Fault::never(format!(
            "{} is in use by another farebox process; a SQLite file has one owner: stop that process first, or use \
             PostgreSQL to share data between processes",
            path.display()
        ))),
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(&name, error)),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Fault> {
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "busy_timeout", 5_000)?;
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.set_prepared_statement_cache_capacity(64);
        if flags != READ_ONLY {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // FULL: an acknowledged commit survives power loss, not only a killed process.
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "wal_autocheckpoint", 8_000)?;
        }
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| {
        let help = "does its folder exist, may you write there, and is it a farebox database?";
        Fault::never(format!("cannot open {}: {error}; {help}", path.display()))
    })
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let busy = matches!(
            error.sqlite_error_code(),
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
        );
        let retry = if busy { Retry::After(std::time::Duration::from_millis(50)) } else { Retry::Never };
        Self { what: format!("sqlite: {error}"), retry }
    }
}
