//! From a database URL to a store.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use farebox_types::{Clock, Secret};

use crate::{Fault, PostgresStore, SqliteStore, Store};

/// Where the data lives: `sqlite:PATH`, `postgres://…` or `postgresql://…`; a driver as SQLAlchemy names it
/// (`postgresql+asyncpg://…`) is left out.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file, owned by one process.
    Sqlite(PathBuf),
    /// A server, shared by many. May hold a password.
    Postgres(Secret),
}

impl fmt::Display for DatabaseUrl {
    /// Without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let rest = url.expose().split_once("://").map_or("", |(_, rest)| rest);
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                write!(f, "postgres://{}", host.split('?').next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A string that is not a database URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a database URL is sqlite:PATH, for example sqlite:farebox.db, or postgres://user@host:5432/name")]
pub struct BadDatabaseUrl;

impl FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, BadDatabaseUrl> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let file = !path.is_empty() && path != ":memory:" && !path.contains('?');
            return if file { Ok(Self::Sqlite(path.into())) } else { Err(BadDatabaseUrl) };
        }
        let (scheme, rest) = text.split_once("://").ok_or(BadDatabaseUrl)?;
        let (dialect, driver) =
            scheme.split_once('+').map_or((scheme, None), |(dialect, driver)| (dialect, Some(driver)));
        let known = matches!(dialect, "postgres" | "postgresql");
        let named = driver.is_none_or(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()));
        if known && named && !rest.is_empty() {
            return Ok(Self::Postgres(Secret::new(format!("{dialect}://{rest}"))));
        }
        Err(BadDatabaseUrl)
    }
}

/// Opens stores.
#[derive(Debug, Clone, Copy)]
pub struct Database;

impl Database {
    /// Opens the database at `url`. The schema is left as it is: see [`Store::schema`] and [`Store::migrate`].
    ///
    /// # Errors
    /// A [`Fault`] that says what to do if the file is owned by another process, or the server cannot be reached.
    pub async fn open(url: &DatabaseUrl, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, Fault> {
        match url {
            DatabaseUrl::Sqlite(path) => Ok(Arc::new(SqliteStore::open(path, clock)?)),
            DatabaseUrl::Postgres(url) => Ok(Arc::new(PostgresStore::open(url, clock).await?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_prints_without_its_password() {
        let url: DatabaseUrl = "postgres://me:p@ss@db.local:5432/farebox?sslmode=require".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://db.local:5432/farebox");
        assert_eq!(format!("{url:?}"), "postgres://db.local:5432/farebox");
    }

    #[test]
    fn a_driver_that_another_library_wants_named_is_left_out() {
        for scheme in ["postgresql+asyncpg", "postgres+asyncpg", "postgresql+psycopg2", "postgresql"] {
            let read = format!("{scheme}://me:p@ss@db.local/payments_db").parse::<DatabaseUrl>().unwrap();
            let DatabaseUrl::Postgres(url) = &read else { panic!("{scheme}") };
            let (dialect, _) = scheme.split_once('+').unwrap_or((scheme, ""));
            assert_eq!(url.expose(), format!("{dialect}://me:p@ss@db.local/payments_db"));
            assert_eq!(read.to_string(), "postgres://db.local/payments_db");
        }
    }

    #[test]
    fn both_spellings_of_each_engine_are_read() {
        for text in
            ["sqlite:farebox.db", "sqlite:///var/lib/farebox.db", "postgresql://localhost/f", "postgres://localhost/f"]
        {
            assert!(text.parse::<DatabaseUrl>().is_ok(), "{text}");
        }
        for text in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "mysql://x",
            "farebox.db",
            "postgres://",
            "postgresql+://x",
            "mysql+asyncpg://x",
        ] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
    }
}
