//! SQLite: one file, one process, one writer thread; readers on their own connections.

mod cold;
mod ledger;
mod reads;
mod schema;
mod store;
mod writer;

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use farebox_types::Clock;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::{Fault, Retry, lanes::Lanes};

const READERS: usize = 4;

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
        let ownership = own(path)?;
        let connection = connect(path, OpenFlags::default())?;
        let (lanes, mut ends) = Lanes::new(1);
        let writer = writer::Writer::new(connection, Arc::clone(&clock));
        let lane = ends.pop().ok_or_else(|| Fault::never("a store needs a lane"))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| Fault::never(format!("the writer cannot start: {error}")))?;
        let thread = thread::Builder::new()
            .name("farebox-writer".into())
            .spawn(move || runtime.block_on(lane.run(writer)))
            .map_err(|error| Fault::never(format!("the writer cannot start: {error}")))?;
        Ok(Self::new(path, lanes, Some(thread), Some(ownership), clock))
    }

    /// Opens an existing file to read it, beside the process that owns it. Every write is refused.
    ///
    /// # Errors
    /// A [`Fault`] if there is no such file, or it cannot be read.
    pub fn open_to_read(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        if !path.is_file() {
            return Err(Fault::never(format!("there is no database file {}", path.display())));
        }
        let (lanes, _) = Lanes::new(1);
        Ok(Self::new(path, lanes, None, None, clock))
    }

    fn new(
        path: &Path,
        lanes: Lanes,
        writer: Option<thread::JoinHandle<()>>,
        ownership: Option<File>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let readers = Readers { path: path.to_owned(), idle: Mutex::default(), permits: Semaphore::new(READERS) };
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
        let _permit = self.readers.permits.acquire().await.map_err(|_| Fault::closed())?;
        let task = tokio::task::spawn_blocking(move || {
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
    permits: Semaphore,
}

impl Readers {
    fn take(&self) -> Result<Connection, Fault> {
        let idle = lock(&self.idle).pop();
        idle.map_or_else(|| connect(&self.path, OpenFlags::default()), Ok)
    }

    fn put(&self, connection: Connection) {
        lock(&self.idle).push(connection);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks `<path>.lock`. The lock goes with the process, however it ends.
fn own(path: &Path) -> Result<File, Fault> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let cannot = |error: std::io::Error| {
        Fault::never(format!(
            "cannot create {}: {error}; does its folder exist, and may you write there?",
            path.display()
        ))
    };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Fault::never(format!(
            "{} is in use by another farebox process; a SQLite file has one owner: stop that process, or use PostgreSQL to \
             share data between processes",
            path.display()
        ))),
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(error)),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Fault> {
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL: an acknowledged commit survives power loss, not only a killed process.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "busy_timeout", 5_000)?;
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.pragma_update(None, "wal_autocheckpoint", 8_000)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    open().map_err(|error: rusqlite::Error| Fault::never(format!("cannot open {}: {error}", path.display())))
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
