//! Opening the database for a command.

use std::sync::Arc;

use farebox_server::Keyring;
use farebox_store::{Database, DatabaseUrl, Merchant, SchemaState, SqliteStore, Store};
use farebox_types::SystemClock;

use crate::{config::Config, failure::failure, master_key};

/// Opens the database as it is.
pub(crate) async fn open(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let opened = Database::open(&config.database_url, Arc::new(SystemClock)).await;
    opened.map_err(|fault| failure(format!("cannot open {}: {fault}", config.database_url), CHECK_URL))
}

const CHECK_URL: &str = "check --database-url or DATABASE_URL";

/// Opens the database to read it; a SQLite file may be in use by a running server.
pub(crate) async fn open_to_read(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let DatabaseUrl::Sqlite(path) = &config.database_url else { return open(config).await };
    let opened = SqliteStore::open_to_read(path, Arc::new(SystemClock));
    let store = opened.map_err(|fault| failure(format!("cannot open {}: {fault}", config.database_url), CHECK_URL))?;
    Ok(Arc::new(store))
}

/// Whether a command may make a database that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Create,
    Refuse,
}

/// Opens the database for use: an empty one is brought up, an old or a newer one is refused, and the secret key must be
/// the one it was first used with.
pub(crate) async fn open_current(config: &Config, missing: Missing) -> anyhow::Result<(Arc<dyn Store>, Keyring)> {
    if let DatabaseUrl::Sqlite(path) = &config.database_url {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(failure(
                format!("there is no folder {}", folder.display()),
                "create it, or check --database-url",
            ));
        }
        if missing == Missing::Refuse && !path.is_file() {
            return Err(failure(format!("there is no database {}", path.display()), NO_DATABASE));
        }
    }
    let store = open(config).await?;
    match store.schema().await? {
        SchemaState::Current { .. } => {}
        SchemaState::Empty if missing == Missing::Create => {
            store.migrate().await?;
        }
        SchemaState::Empty => {
            return Err(failure(format!("{} is empty", config.database_url), NO_DATABASE));
        }
        SchemaState::Behind { at, latest } => {
            return Err(failure(
                format!("the database schema is at {at}, this version needs {latest}"),
                "back it up, then run `farebox migrate`",
            ));
        }
        SchemaState::Newer { at, latest } => {
            return Err(failure(
                format!("the database schema is at {at}; this version knows only up to {latest}"),
                "run the newer farebox that wrote it",
            ));
        }
    }
    let keyring = master_key::load(config, store.is_claimed().await?)?;
    if !store.claim(keyring.fingerprint()).await? {
        return Err(failure(
            "this database was first used with another secret key",
            "set FAREBOX_SECRET_KEY or --secret-key-file to that key: the keys and tokens it signed depend on it",
        ));
    }
    Ok((store, keyring))
}

const NO_DATABASE: &str = "`farebox init --merchant NAME` makes one; check --database-url or DATABASE_URL";

/// The named merchant, or the only one.
pub(crate) async fn merchant(store: &dyn Store, name: Option<&str>) -> anyhow::Result<Merchant> {
    if let Some(name) = name {
        let found = store.merchant_named(name).await?;
        let missing =
            || failure(format!("there is no merchant `{name}`"), format!("create it: farebox init --merchant {name}"));
        return found.ok_or_else(missing);
    }
    let mut all = store.merchants().await?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(failure("there is no merchant yet", "create one with `farebox init --merchant NAME`")),
        (Some(last), false) => {
            let names: Vec<String> = all.into_iter().chain([last]).map(|merchant| merchant.name).collect();
            Err(failure("there are several merchants", format!("say which with --merchant: {}", names.join(", "))))
        }
    }
}
