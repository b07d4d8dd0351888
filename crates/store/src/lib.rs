//! Durable storage: one [`Store`] trait, SQLite and PostgreSQL behind it.
//!
//! Every write commits its idempotency record, its rows, its audit row and its outbox row together. Ledger commands from
//! all callers of a process are grouped: a batch is whatever was waiting when the last commit ended (`lanes.rs`).

mod audit;
pub mod billing;
mod codec;
mod deliveries;
mod fault;
mod gate_answers;
mod lanes;
mod migration;
mod open;
mod payments;
mod postgres;
mod record;
mod rows;
mod settlements;
mod sqlite;
mod store;
mod verify;

pub use billing::BillingStore;
pub use deliveries::{
    DeliveryFilter, DeliveryLease, DeliveryStore, Disabled, FanOut, NewWebhookEvent, Parcel, SettledDelivery,
    WebhookDelivery, WebhookEndpoint, WebhookEvent,
};
pub use fault::{Fault, Retry};
pub use gate_answers::{GateAnswer, GateAnswerStore, GateClaim, GateClaimed};
pub use migration::SchemaState;
pub use open::{BadDatabaseUrl, Database, DatabaseUrl};
pub use payments::{Due, PaymentFilter, PaymentStore};
pub use postgres::{PostgresOptions, PostgresStore};
pub use record::{Change, OperationKey, Record, Recorded};
pub use rows::{
    Agent, ApiKey, ApiToken, AuditPlace, AuditRow, Delegation, DelegationState, Merchant, OutboxRow, Page, Plan,
    Resource, Role, WebhookSecret,
};
pub use settlements::{Conclusion, Intended, Intents, SettlementName, SettlementStore, SlotStep};
pub use sqlite::SqliteStore;
pub use store::{Decision, Store};
pub use verify::{Difference, Report};
