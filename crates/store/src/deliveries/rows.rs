//! Endpoints, events and deliveries, as rows.

use farebox_engine::delivery::{Standing, State};
use farebox_types::{Id, Merchant, Mode, Timestamp};
use uuid::Uuid;

use crate::{Fault, OutboxRow};

/// Where a merchant wants its events. No `Debug`: it has secrets, though sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The endpoint.
    pub id: Uuid,
    /// Where to.
    pub url: String,
    /// For people.
    pub description: String,
    /// Which types, words between spaces.
    pub events: String,
    /// What deliveries are signed with, sealed by whoever stores it.
    pub sealed: Vec<u8>,
    /// The one before it, and until when it signs too.
    pub previous: Option<(Vec<u8>, Timestamp)>,
    /// When it was disabled, and why.
    pub disabled: Option<(Timestamp, Disabled)>,
    /// How often it was written, from 1; a change names the one it was read at.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
}

/// Why an endpoint gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disabled {
    /// It failed for too long.
    Failing,
    /// Its merchant wanted it.
    Asked,
}

impl Disabled {
    /// The word storage and the wire keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Asked => "asked",
        }
    }
}

/// Something that happened, as it is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The event; the same for every delivery.
    pub id: Uuid,
    /// `payment.succeeded`.
    pub kind: String,
    /// Its place among the merchant's events.
    pub sequence: i64,
    /// What `data` is written in.
    pub api_version: String,
    /// The JSON of that member.
    pub data: String,
    /// When it happened.
    pub created_at: Timestamp,
}

/// An event that has no number yet, and whom it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhookEvent {
    /// The event. Its sequence is given when it is written.
    pub event: WebhookEvent,
    /// One delivery each: its id, and the endpoint.
    pub deliveries: Vec<(Uuid, Uuid)>,
}

/// Outbox rows of one merchant and what they become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanOut {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The rows, which go.
    pub rows: Vec<OutboxRow>,
    /// In order.
    pub events: Vec<NewWebhookEvent>,
    /// When.
    pub at: Timestamp,
}

/// What to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryLease {
    /// Now.
    pub now: Timestamp,
    /// Nobody else gets them before.
    pub until: Timestamp,
    /// At most so many.
    pub limit: u32,
    /// Of one endpoint at most.
    pub each: u32,
    /// Endpoints that have enough to do.
    pub busy: Vec<Uuid>,
}

/// A delivery to be made.
#[derive(Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The delivery.
    pub id: Uuid,
    /// Attempts so far.
    pub attempts: u32,
    /// When the lease ends; its name, too.
    pub until: Timestamp,
    /// What.
    pub event: WebhookEvent,
    /// Where to.
    pub endpoint: WebhookEndpoint,
    /// The merchant's world.
    pub mode: Mode,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledDelivery {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The delivery.
    pub id: Uuid,
    /// Whose.
    pub endpoint: Uuid,
    /// The lease it was made under.
    pub lease: Timestamp,
    /// Succeeded, waiting or exhausted.
    pub state: State,
    /// Attempts so far, this one counted.
    pub attempts: u32,
    /// When the next is due, if there is one.
    pub next_at: Option<Timestamp>,
    /// What the receiver answered, if it did.
    pub status: Option<u16>,
    /// How its answer began.
    pub snippet: Option<String>,
    /// What went wrong: a fixed word.
    pub failure: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// An event on its way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The delivery.
    pub id: Uuid,
    /// Where to.
    pub endpoint: Uuid,
    /// What.
    pub event: Uuid,
    /// The event's type; not written with the delivery.
    pub kind: String,
    /// Where it stands.
    pub state: State,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next, or until when it is in some process's hands.
    pub next_at: Option<Timestamp>,
    /// What the receiver last answered.
    pub status: Option<u16>,
    /// How that answer began.
    pub snippet: Option<String>,
    /// What last went wrong: a fixed word.
    pub failure: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Which deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// To this endpoint.
    pub endpoint: Option<Uuid>,
    /// In this state.
    pub state: Option<State>,
    /// Older than this one.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: u32,
}

/// An endpoint as its columns have it.
pub(crate) struct EndpointRow {
    pub(crate) key: (Uuid, Uuid),
    pub(crate) texts: [String; 3],
    pub(crate) sealed: Vec<u8>,
    pub(crate) previous: (Option<Vec<u8>>, Option<i64>),
    pub(crate) disabled: (Option<i64>, Option<String>),
    pub(crate) revision: i64,
    pub(crate) times: (i64, i64),
}

impl EndpointRow {
    pub(crate) fn read(self) -> WebhookEndpoint {
        let [url, description, events] = self.texts;
        let why = |word: Option<String>| match word.as_deref() {
            Some("asked") => Disabled::Asked,
            _ => Disabled::Failing,
        };
        WebhookEndpoint {
            tenant: Id::from_uuid(self.key.0),
            id: self.key.1,
            url,
            description,
            events,
            sealed: self.sealed,
            previous: self.previous.0.zip(self.previous.1.map(Timestamp::from_micros)),
            disabled: self.disabled.0.map(|at| (Timestamp::from_micros(at), why(self.disabled.1))),
            revision: self.revision,
            created_at: Timestamp::from_micros(self.times.0),
            updated_at: Timestamp::from_micros(self.times.1),
        }
    }
}

/// A delivery as its columns have it.
pub(crate) struct DeliveryRow {
    pub(crate) ids: [Uuid; 4],
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) attempts: i32,
    pub(crate) next_at: Option<i64>,
    pub(crate) status: Option<i32>,
    pub(crate) words: (Option<String>, Option<String>),
    pub(crate) times: (i64, i64),
}

impl DeliveryRow {
    pub(crate) fn read(self) -> Result<WebhookDelivery, Fault> {
        let [tenant, id, endpoint, event] = self.ids;
        Ok(WebhookDelivery {
            tenant: Id::from_uuid(tenant),
            id,
            endpoint,
            event,
            kind: self.kind,
            state: State::read(&self.state).ok_or_else(|| Fault::corrupt("webhook_delivery", "state"))?,
            attempts: self.attempts.unsigned_abs(),
            next_at: self.next_at.map(Timestamp::from_micros),
            status: self.status.and_then(|status| u16::try_from(status).ok()),
            snippet: self.words.0,
            failure: self.words.1,
            created_at: Timestamp::from_micros(self.times.0),
            updated_at: Timestamp::from_micros(self.times.1),
        })
    }
}

/// How an endpoint stands, from its columns.
pub(crate) fn standing(failures: i32, since: Option<i64>) -> Standing {
    Standing { failures: failures.unsigned_abs(), failing_since: since.map(Timestamp::from_micros) }
}
