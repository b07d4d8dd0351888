//! Payment rows as columns, alike on both engines.

use farebox_engine::payment::{
    Details, EventKey, Payment, ProviderEvent, Refund, RefundState, Request, State, TrailEntry,
};
use farebox_types::{Id, Money, Timestamp};
use uuid::Uuid;

use crate::Fault;

/// A payment row as either engine reads it.
pub(crate) struct PaymentRow {
    pub(crate) key: (Uuid, Uuid),
    pub(crate) customer_id: String,
    pub(crate) provider: String,
    pub(crate) provider_id: Option<String>,
    pub(crate) minor: i64,
    pub(crate) currency: String,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
    pub(crate) refunding: i64,
    pub(crate) status: String,
    pub(crate) next_check: Option<i64>,
    pub(crate) trail: (i64, [u8; 32]),
    pub(crate) details: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl PaymentRow {
    pub(crate) fn read(self) -> Result<Payment, Fault> {
        let corrupt = |detail: &str| Fault::corrupt("payment", detail);
        let currency = self.currency.parse().map_err(|_| corrupt("currency"))?;
        Ok(Payment {
            tenant: Id::from_uuid(self.key.0),
            id: Id::from_uuid(self.key.1),
            customer_id: self.customer_id,
            provider: self.provider,
            provider_id: self.provider_id,
            money: Money { minor: self.minor, currency },
            captured: self.captured,
            refunded: self.refunded,
            refunding: self.refunding,
            state: State::read(&self.status).ok_or_else(|| corrupt("status"))?,
            next_check: self.next_check.map(Timestamp::from_micros),
            trail: self.trail,
            details: serde_json::from_str(&self.details).map_err(|_| corrupt("details"))?,
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
        })
    }
}

/// Details as they are stored.
pub(crate) fn details(details: &Details) -> Result<String, Fault> {
    serde_json::to_string(details).map_err(|error| Fault::never(format!("details cannot be written: {error}")))
}

/// A refund row as either engine reads it.
pub(crate) struct RefundRow {
    pub(crate) key: (Uuid, Uuid),
    pub(crate) payment: Uuid,
    pub(crate) minor: i64,
    pub(crate) state: String,
    pub(crate) provider_id: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) failure: Option<String>,
    pub(crate) next_check: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl RefundRow {
    pub(crate) fn read(self) -> Result<Refund, Fault> {
        Ok(Refund {
            tenant: Id::from_uuid(self.key.0),
            id: Id::from_uuid(self.key.1),
            payment: Id::from_uuid(self.payment),
            minor: self.minor,
            state: RefundState::read(&self.state).ok_or_else(|| Fault::corrupt("payment_refund", "state"))?,
            provider_id: self.provider_id,
            reason: self.reason,
            failure: self.failure,
            next_check: self.next_check.map(Timestamp::from_micros),
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
        })
    }
}

/// A request row as either engine reads it.
pub(crate) struct RequestRow {
    pub(crate) tenant: Uuid,
    pub(crate) scope: String,
    pub(crate) key: String,
    pub(crate) hash: [u8; 32],
    pub(crate) payment: Uuid,
    pub(crate) refund: Option<Uuid>,
    pub(crate) status: Option<i32>,
    pub(crate) body: Option<String>,
    pub(crate) created_at: i64,
}

impl RequestRow {
    pub(crate) fn read(self) -> Request {
        let status = self.status.and_then(|status| i16::try_from(status).ok());
        Request {
            tenant: Id::from_uuid(self.tenant),
            scope: self.scope,
            key: self.key,
            hash: self.hash,
            payment: Id::from_uuid(self.payment),
            refund: self.refund.map(Id::from_uuid),
            answer: status.zip(self.body),
            created_at: Timestamp::from_micros(self.created_at),
        }
    }
}

/// An event row as either engine reads it.
pub(crate) struct EventRow {
    pub(crate) tenant: Uuid,
    pub(crate) provider: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) our_id: Option<String>,
    pub(crate) provider_id: Option<String>,
    pub(crate) received_at: i64,
    pub(crate) applied_at: Option<i64>,
    pub(crate) next_try: Option<i64>,
    pub(crate) tries: i32,
}

impl EventRow {
    pub(crate) fn read(self) -> ProviderEvent {
        ProviderEvent {
            key: EventKey { tenant: Id::from_uuid(self.tenant), provider: self.provider, id: self.id },
            kind: self.kind,
            our_id: self.our_id,
            provider_id: self.provider_id,
            received_at: Timestamp::from_micros(self.received_at),
            applied_at: self.applied_at.map(Timestamp::from_micros),
            next_try: self.next_try.map(Timestamp::from_micros),
            tries: self.tries.unsigned_abs(),
        }
    }
}

/// A trail row as either engine reads it.
pub(crate) struct TrailRow {
    pub(crate) key: (Uuid, Uuid, i64),
    pub(crate) texts: [String; 5],
    pub(crate) at: i64,
    pub(crate) hash: [u8; 32],
}

impl TrailRow {
    pub(crate) fn read(self) -> TrailEntry {
        let [kind, actor, before, after, detail] = self.texts;
        TrailEntry {
            tenant: Id::from_uuid(self.key.0),
            payment: Id::from_uuid(self.key.1),
            seq: self.key.2,
            kind,
            actor,
            before,
            after,
            detail,
            at: Timestamp::from_micros(self.at),
            hash: self.hash,
        }
    }
}
