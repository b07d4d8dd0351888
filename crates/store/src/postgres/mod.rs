//! PostgreSQL: many processes, a few lanes each; readers on a pool of their own.

mod billing;
mod billing_reads;
mod billing_store;
mod cold;
mod columns;
mod connect;
mod deliveries;
mod delivering;
mod fault;
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
mod verify;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};

use farebox_types::{Clock, Secret};
use sqlx::PgPool;
use tokio::task::JoinHandle;

use self::{connect::Server, writer::Writer};
use crate::{Fault, lanes::Lanes};

/// How many connections one process opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Writers of the ledger, each with a connection of its own; an account always rides the same one. Three more write
    /// payments, settlements and the rest.
    pub lanes: usize,
    /// Connections for reads at most, two at least, beside those of the lanes; opened as they are needed. Half of them are
    /// for what each request looks up.
    pub max_connections: u32,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { lanes: 2, max_connections: 8 }
    }
}

/// A ledger in a PostgreSQL database, which any number of processes may share.
pub struct PostgresStore {
    server: Server,
    lanes: Lanes,
    writers: Mutex<Vec<JoinHandle<()>>>,
    pool: PgPool,
    looks: PgPool,
    clock: Arc<dyn Clock>,
}

impl PostgresStore {
    /// Connects to the database at `url` with the default [`PostgresOptions`].
    ///
    /// # Errors
    /// A [`Fault`] that says what to do if the server cannot be reached, has no such database, refuses the user, or is
    /// older than version 14. It never holds the password.
    pub async fn open(url: &Secret, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        Self::open_with(url, clock, PostgresOptions::default()).await
    }

    /// Connects to the database at `url`.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn open_with(url: &Secret, clock: Arc<dyn Clock>, options: PostgresOptions) -> Result<Self, Fault> {
        let server = Server::parse(url)?;
        let mut first = Some(server.connect_writer().await?);
        let (lanes, ends) = Lanes::several(options.lanes);
        let start = |lane: crate::lanes::Lane| {
            let writer = Writer::new(server.clone(), first.take(), Arc::clone(&clock));
            tokio::spawn(lane.run(writer))
        };
        let writers = Mutex::new(ends.into_iter().map(start).collect());
        let half = options.max_connections.div_ceil(2);
        let (pool, looks) = (server.pool(half), server.looks(options.max_connections - half));
        Ok(Self { server, lanes, writers, pool, looks, clock })
    }

    /// Lets the lanes finish what is queued, then closes every connection.
    async fn shut_down(&self) {
        self.lanes.close().await;
        let writers = std::mem::take(&mut *self.writers.lock().unwrap_or_else(PoisonError::into_inner));
        for writer in writers {
            // The writer has been told to stop; a panic of its own has been reported by then.
            let _ = writer.await;
        }
        self.pool.close().await;
        self.looks.close().await;
    }
}
