//! A database of its own for each test, on either engine.

use std::{path::PathBuf, sync::Arc, time::Duration};

use farebox_engine::ledger::{Account, AccountSpec, Command};
use farebox_store::{Database, DatabaseUrl, Decision, PostgresOptions, PostgresStore, SqliteStore, Store};
use farebox_types::{Clock, ManualClock, Secret, Timestamp};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use crate::shop::Shop;

const START: i64 = 1_800_000_000;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Where the rows are, and how to be rid of them.
enum Place {
    Folder(TempDir),
    Database { admin: String, name: String },
}

/// A store on a fresh database, a clock that stands still, and a merchant who sells one plan.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shop: Shop,
    place: Place,
}

impl World {
    /// With the schema in place. `None`, with a word why, if the engine is not there.
    pub(crate) async fn new(engine: Engine) -> Option<Self> {
        let world = Self::bare(engine).await?;
        world.store.migrate().await.unwrap();
        Some(world)
    }

    /// Without any schema.
    pub(crate) async fn bare(engine: Engine) -> Option<Self> {
        let place = match engine {
            Engine::Sqlite => Place::Folder(tempfile::tempdir().unwrap()),
            Engine::Postgres => fresh_database().await?,
        };
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(START)));
        let url: DatabaseUrl = place.url().parse().unwrap();
        let store = Database::open(&url, Arc::<ManualClock>::clone(&clock)).await.unwrap();
        Some(Self { store, clock, shop: Shop::new(), place })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// One command, answered.
    pub(crate) async fn ask(&self, command: Command) -> Decision {
        self.store.execute(vec![command]).await.unwrap().remove(0)
    }

    /// An account that must be there.
    pub(crate) async fn account(&self, spec: &AccountSpec) -> Account {
        self.store.account(spec).await.unwrap().expect("the account has a row")
    }

    /// The database file of a world on SQLite.
    pub(crate) fn file(&self) -> PathBuf {
        let Place::Folder(folder) = &self.place else { panic!("this world is not on SQLite") };
        folder.path().join("farebox.db")
    }

    /// The URL of the database.
    pub(crate) fn url(&self) -> String {
        self.place.url()
    }

    /// Another store on the same PostgreSQL database, as another process would have it.
    pub(crate) async fn another_process(&self) -> Arc<dyn Store> {
        another_process_at(&self.url(), &self.clock).await
    }

    /// Another SQLite handle beside the one that owns the file.
    pub(crate) fn reader(&self) -> SqliteStore {
        SqliteStore::open_to_read(&self.file(), Arc::<ManualClock>::clone(&self.clock)).unwrap()
    }

    /// Runs statements behind the store's back; returns how many rows the last one changed.
    pub(crate) async fn behind_its_back(&self, sql: &str) -> u64 {
        match &self.place {
            Place::Folder(_) => {
                let connection = rusqlite::Connection::open(self.file()).unwrap();
                connection.busy_timeout(Duration::from_secs(5)).unwrap();
                connection.execute(sql, []).unwrap().try_into().unwrap()
            }
            Place::Database { .. } => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                done.rows_affected()
            }
        }
    }

    /// The audit that ends every test, and the end of its database.
    pub(crate) async fn finish(self) {
        let report = self.store.verify().await.unwrap();
        assert!(report.is_clean(), "{:#?}", report.differences);
        self.discard().await;
    }

    /// The end of a database that a test has damaged on purpose.
    pub(crate) async fn discard(self) {
        self.store.close().await;
        if let Place::Database { admin, name } = &self.place {
            admin_statement(admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

/// A store on `url` with lanes enough for accounts to be spread.
pub(crate) async fn another_process_at(url: &str, clock: &Arc<ManualClock>) -> Arc<dyn Store> {
    let options = PostgresOptions { lanes: 2, max_connections: 2 };
    let url = Secret::new(url.to_owned());
    Arc::new(PostgresStore::open_with(&url, Arc::<ManualClock>::clone(clock), options).await.unwrap())
}

impl Place {
    fn url(&self) -> String {
        match self {
            Self::Folder(folder) => format!("sqlite:{}", folder.path().join("farebox.db").display()),
            Self::Database { admin, name } => on_database(admin, name),
        }
    }
}

/// The server that tests may create databases on. In CI it must be named.
pub(crate) fn admin_url() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the test runner names the server")]
    let (admin, ci) = (std::env::var("FAREBOX_TEST_POSTGRES"), std::env::var("CI"));
    if admin.is_err() {
        assert!(ci.is_err(), "FAREBOX_TEST_POSTGRES must name a server in CI");
        eprintln!("skipped: FAREBOX_TEST_POSTGRES is not set; `./x test` starts a server and sets it");
    }
    admin.ok()
}

async fn fresh_database() -> Option<Place> {
    let admin = admin_url()?;
    let name = format!("farebox_store_{}", uuid::Uuid::now_v7().simple());
    admin_statement(&admin, format!("CREATE DATABASE {name}")).await;
    Some(Place::Database { admin, name })
}

async fn admin_statement(admin: &str, sql: String) {
    let mut connection = PgConnection::connect(admin).await.unwrap();
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// `url` with another database name.
pub(crate) fn on_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let (server, _) = base.rsplit_once('/').expect("a URL with a database name");
    query.map_or_else(|| format!("{server}/{name}"), |query| format!("{server}/{name}?{query}"))
}
