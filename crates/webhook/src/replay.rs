//! Which events have been handled, and which are being handled.

use async_trait::async_trait;
use farebox_types::Timestamp;
use uuid::Uuid;

/// What may be done with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Handle it: nobody else will until the claim ends.
    Granted,
    /// Somebody else is at it.
    Running,
    /// It has been handled.
    Done,
}

/// The store could not answer. The delivery is refused for now, and comes again.
#[derive(Debug, thiserror::Error)]
#[error("the store of handled events cannot be asked")]
pub struct StoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A memory of event ids. [`Memory`](crate::Memory) is one for a single process; several instances share one in their
/// database, with a table of one row for each event:
///
/// ```sql
/// CREATE TABLE webhook_events (
///     id TEXT PRIMARY KEY, ticket TEXT NOT NULL, done BOOLEAN NOT NULL, ends BIGINT NOT NULL -- microseconds
/// );
/// -- claim: granted if this returns a row; else done or running, as the row there says
/// INSERT INTO webhook_events VALUES ($event, $ticket, FALSE, $ends)
/// ON CONFLICT (id) DO UPDATE SET ticket = excluded.ticket, ends = excluded.ends
/// WHERE NOT webhook_events.done AND webhook_events.ends <= $now RETURNING id;
/// -- done
/// UPDATE webhook_events SET done = TRUE WHERE id = $event AND ticket = $ticket;
/// -- release
/// DELETE FROM webhook_events WHERE id = $event AND ticket = $ticket AND NOT done;
/// ```
///
/// Rows may be deleted once the sender has given up on their events, after some days.
#[async_trait]
pub trait ReplayStore: Send + Sync + 'static {
    /// Claims an event until `ends`, in the name of `ticket`. Of many callers at once, one is granted it.
    async fn claim(&self, event: &str, ticket: Uuid, now: Timestamp, ends: Timestamp) -> Result<Claim, StoreError>;

    /// It has been handled: no later claim is granted. Does nothing if the claim is not `ticket`'s any more.
    async fn done(&self, event: &str, ticket: Uuid, now: Timestamp) -> Result<(), StoreError>;

    /// It has not been handled: the next claim is granted. Does nothing if the claim is not `ticket`'s any more.
    async fn release(&self, event: &str, ticket: Uuid) -> Result<(), StoreError>;
}
