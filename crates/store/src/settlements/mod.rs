//! Settlements on chains: intents before they are sent, outcomes when they are known.

pub(crate) mod checks;
pub(crate) mod columns;
pub(crate) mod postings;

use async_trait::async_trait;
use farebox_engine::{
    ledger::{Actor, Command},
    settlement::{Attempt, Intent, Outcome, PaymentKey, Settlement, Slot, SlotId},
};
use farebox_types::{Address, Id, Merchant, Timestamp};
use uuid::Uuid;

use crate::Fault;

/// New intents of one signer, all or nothing.
#[derive(Debug, Clone)]
pub struct Intents {
    /// The facilitator's merchant.
    pub tenant: Id<Merchant>,
    /// The chain's number.
    pub chain: u64,
    /// Who sends.
    pub signer: Address,
    /// The signer's next nonce as the caller read it ([`SettlementStore::next_nonce`]); `None` if there was no row.
    pub expected: Option<u64>,
    /// The signer's next nonce afterwards: above every nonce of `intents`, which are all at or above `expected`, and never
    /// below it.
    pub next: u64,
    /// What to write, each payment once. Zero charges have no slot, and begin settled.
    pub intents: Vec<Intent>,
    /// Names under which callers may ask for these payments again.
    pub names: Vec<SettlementName>,
    /// Who drives the new slots, until when; after that anybody may.
    pub lease: (Uuid, Timestamp),
    /// Who asked, for the audit trail.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
}

/// A caller's idempotency key for one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementName {
    /// The caller: names count within it.
    pub scope: String,
    /// The caller's key.
    pub name: String,
    /// SHA-256 of the request in canonical form: another request under the same name is a conflict.
    pub request_hash: [u8; 32],
    /// The payment it names.
    pub key: PaymentKey,
}

/// What became of new intents. Only [`Intended::Written`] wrote anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intended {
    /// Durable.
    Written,
    /// Another process has moved the signer: its next nonce now.
    Moved(Option<u64>),
    /// Some of these payments have intents already, or are no longer open in the slot that they were to leave: these.
    Known(Vec<PaymentKey>),
    /// A name is taken, by this record: by an earlier payment, or by another one of the same intents.
    Named(SettlementName),
}

/// What is known now about one payment, and what the ledger is to say of it.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// The facilitator's merchant.
    pub tenant: Id<Merchant>,
    /// Which payment.
    pub key: PaymentKey,
    /// [`Outcome::Settled`] or [`Outcome::Failed`]; a settled one may still be watched.
    pub outcome: Outcome,
    /// The posting that goes with a settled one ([`farebox_engine::settlement::posting`]); `None` only for a zero charge.
    pub command: Option<Command>,
}

/// What one look at a slot led to, all or nothing.
#[derive(Debug, Clone)]
pub struct SlotStep {
    /// The facilitator's merchant.
    pub tenant: Id<Merchant>,
    /// Which slot.
    pub slot: SlotId,
    /// Another signed transaction for it; refused once the slot is over.
    pub attempt: Option<Attempt>,
    /// Payments whose outcome is known now. Concluding one twice alike is harmless. A failure is taken only from the slot
    /// that the payment rides in.
    pub conclusions: Vec<Conclusion>,
    /// The slot is over: its raw transactions and its payments' evidence are deleted, nobody leases it any more. Refused
    /// while a payment in it is unknown.
    pub closes: bool,
    /// When.
    pub at: Timestamp,
}

/// Durable settlements. The promises of [`crate::Store`] hold: answers come after their commit, and a [`Fault`] may hide one.
#[async_trait]
pub trait SettlementStore: Send + Sync {
    /// A signer's next nonce; `None` if it never sent.
    async fn next_nonce(&self, tenant: Id<Merchant>, chain: u64, signer: Address) -> Result<Option<u64>, Fault>;
    /// Writes intents, names, the signer's next nonce, audit and outbox lines in one commit, or says why not. After
    /// [`crate::Retry::Unknown`] look whether the payments are there before trying again.
    async fn intend(&self, intents: Intents) -> Result<Intended, Fault>;
    /// One payment's settlement.
    async fn settlement(&self, tenant: Id<Merchant>, key: PaymentKey) -> Result<Option<Settlement>, Fault>;
    /// Those of `keys` that have one.
    async fn settlements(&self, tenant: Id<Merchant>, keys: &[PaymentKey]) -> Result<Vec<Settlement>, Fault>;
    /// Settled payments whose [`Settlement::pays_for`] has not been given yet, by key, those after `after`.
    async fn owed(&self, tenant: Id<Merchant>, after: Option<PaymentKey>, limit: u32)
    -> Result<Vec<Settlement>, Fault>;
    /// What a settled payment pays for has been given; harmless twice.
    async fn given(&self, tenant: Id<Merchant>, key: PaymentKey, at: Timestamp) -> Result<(), Fault>;
    /// What a caller's name stands for.
    async fn settlement_named(
        &self,
        tenant: Id<Merchant>,
        scope: &str,
        name: &str,
    ) -> Result<Option<SettlementName>, Fault>;
    /// Gives a payment that has an intent another name; the record that holds the name afterwards.
    async fn name_settlement(
        &self,
        tenant: Id<Merchant>,
        name: SettlementName,
        at: Timestamp,
    ) -> Result<SettlementName, Fault>;
    /// Writes what looks at slots of one merchant led to: attempts, conclusions with their postings, audit and outbox lines,
    /// all of them in one commit or none. May be repeated. A [`crate::Retry::Never`] says that one of them cannot be
    /// written as it is, most likely because another process has driven its slot meanwhile: look at it again.
    async fn step(&self, steps: Vec<SlotStep>) -> Result<(), Fault>;
    /// Moves payments of a slot, whose nonce something else has used up, into the slots of `intents`; their outcomes are
    /// unknown still. As [`SettlementStore::intend`] otherwise.
    async fn move_settlements(&self, from: SlotId, intents: Intents) -> Result<Intended, Fault>;
    /// Leases up to `limit` open slots that nobody drives, or that `owner` drives already, until `until`, oldest first.
    async fn lease_slots(
        &self,
        tenant: Id<Merchant>,
        owner: Uuid,
        limit: u32,
        until: Timestamp,
    ) -> Result<Vec<Slot>, Fault>;
    /// A slot as it stands.
    async fn slot(&self, tenant: Id<Merchant>, slot: SlotId) -> Result<Option<Slot>, Fault>;
}
