//! From a URL to a connection, or to a sentence that says what is wrong with it.

use std::{future::Future, io, time::Duration};

use farebox_types::Secret;
use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{Fault, Retry};

/// The first version this schema and these statements are kept for.
const OLDEST: u32 = 140_000;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);
const STATEMENT_LIMIT: Duration = Duration::from_secs(20);

/// What a writer's connection is told once.
///
/// Every statement of a writer goes by primary key and is planned once: a plan that was made while a table was empty must
/// not read it from end to end when it is full. A lock that is not had within seconds, or that a stopped process
/// keeps, is given up: the write is tried again. Whoever turned `synchronous_commit` off did not mean the ledger.
const WRITER_SETTINGS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
     SET plan_cache_mode = force_generic_plan; SET jit = off; \
     SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s'; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// What plans look-ups by key, and nothing else, once: as a writer's.
const LOOK_SETTINGS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
     SET plan_cache_mode = force_generic_plan; SET jit = off";
/// A connection that was used so short a time ago is not tried again before it is used.
const FRESH: Duration = Duration::from_millis(250);

/// A reader's statements are planned anew each time: a look-up that was planned while its table had one page would read
/// all of the table from then on.
const READER_SETTINGS: &str = "SET plan_cache_mode = force_custom_plan";

/// One database on one server. Holds the password: no `Debug`.
#[derive(Clone)]
pub(super) struct Server {
    options: PgConnectOptions,
}

impl Server {
    pub(super) fn parse(url: &Secret) -> Result<Self, Fault> {
        let bad = |error: sqlx::Error| Fault::never(format!("the database URL cannot be read: {error}"));
        let mut options: PgConnectOptions = url.expose().parse().map_err(bad)?;
        if options.get_application_name().is_none() {
            options = options.application_name("farebox");
        }
        Ok(Self { options })
    }

    /// A connection as any reader may have it.
    pub(super) async fn connect(&self) -> Result<PgConnection, Fault> {
        let connection = within(CONNECT_LIMIT, self.options.connect()).await.map_err(|error| self.refused(&error))?;
        match connection.server_version_num() {
            Some(version) if version < OLDEST => Err(Fault::never(format!(
                "{} runs PostgreSQL {}; farebox needs {} or newer: upgrade the server",
                self.place(),
                version / 10_000,
                OLDEST / 10_000
            ))),
            _ => Ok(connection),
        }
    }

    /// A connection that may write, with [`WRITER_SETTINGS`].
    pub(super) async fn connect_writer(&self) -> Result<PgConnection, Fault> {
        let mut connection = self.connect().await?;
        let standby: bool =
            limited(sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(&mut connection)).await?;
        if standby {
            let what = format!("{} is a read-only standby: the database URL must lead to the primary", self.place());
            return Err(Fault { what, retry: Retry::After(Duration::from_secs(1)) });
        }
        limited(sqlx::raw_sql(WRITER_SETTINGS).execute(&mut connection)).await?;
        Ok(connection)
    }

    /// Connections for reads, opened when they are needed. Each is tried before use: one that a failover has cut costs
    /// its reader a new connection, not an error.
    pub(super) fn pool(&self, max_connections: u32) -> PgPool {
        Self::connections(max_connections, READER_SETTINGS)
            .test_before_acquire(true)
            .connect_lazy_with(self.options.clone())
    }

    /// Connections for look-ups by key, many at a time. Whoever looks tries once more if the connection was lost.
    pub(super) fn looks(&self, max_connections: u32) -> PgPool {
        Self::connections(max_connections, LOOK_SETTINGS)
            .test_before_acquire(false)
            .before_acquire(|connection, met| {
                Box::pin(async move {
                    if met.idle_for > FRESH {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(self.options.clone())
    }

    fn connections(max: u32, settings: &'static str) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(max.max(1))
            .acquire_timeout(ACQUIRE_LIMIT)
            .after_connect(move |connection, _| Box::pin(async move { connection.execute(settings).await.map(|_| ()) }))
    }

    fn place(&self) -> String {
        match self.options.get_socket() {
            Some(folder) => format!("the socket in {}", folder.display()),
            None => format!("{}:{}", self.options.get_host(), self.options.get_port()),
        }
    }

    fn refused(&self, error: &sqlx::Error) -> Fault {
        let (place, user) = (self.place(), self.options.get_username());
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (code.as_deref(), error) {
            (Some("3D000"), _) => {
                let name = self.options.get_database().unwrap_or(user);
                Fault::never(format!(
                    "{place} has no database `{name}`: create it (createdb {name}), or correct the name in the database URL"
                ))
            }
            (Some("28P01" | "28000"), _) => Fault::never(format!(
                "{place} refused the user `{user}`: check user and password in the database URL, and the server's pg_hba.conf"
            )),
            (None, sqlx::Error::Io(cause)) => Fault {
                what: format!("cannot reach PostgreSQL at {place}: {cause}; is it running, and is the address right?"),
                retry: Retry::After(Duration::from_secs(1)),
            },
            (None, sqlx::Error::Tls(cause)) => Fault::never(format!(
                "no TLS with {place}: {cause}; sslmode and sslrootcert in the database URL say how it is checked"
            )),
            _ => {
                let fault = super::fault::of(error);
                Fault { what: format!("cannot connect to {place}: {}", fault.what), ..fault }
            }
        }
    }
}

/// Gives up on a server that has stopped answering.
pub(super) async fn limited<T>(work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    within(STATEMENT_LIMIT, work).await
}

async fn within<T>(limit: Duration, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let late =
        |_| sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, format!("no answer for {} s", limit.as_secs())));
    tokio::time::timeout(limit, work).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_be_read_is_not_repeated() {
        let url = Secret::new("postgres://me:hunter2@host:port/name".into());
        let Err(fault) = Server::parse(&url) else { panic!("a port is a number") };
        assert!(!fault.what.contains("hunter2"), "{fault}");
    }
}
