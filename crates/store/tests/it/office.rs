//! A facilitator's office: one signer, payments and nonces by number.

use std::time::Duration;

use farebox_engine::{
    ledger::Actor,
    settlement::{Attempt, Intent, Outcome, PaymentKey, Purpose, Settlement, SlotId, Terms, TxHash, posting},
};
use farebox_store::{Conclusion, Intents, SettlementName, SlotStep};
use farebox_types::{Address, AtomicAmount, Id, Merchant, Timestamp};
use uuid::Uuid;

use crate::world::World;

pub(crate) const CHAIN: u64 = 84_532;
pub(crate) const SIGNER: Address = Address::from_bytes([9; 20]);

pub(crate) fn key(number: u64) -> PaymentKey {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    PaymentKey::from_bytes(bytes)
}

pub(crate) fn terms(now: Timestamp) -> Terms {
    Terms {
        chain: CHAIN,
        scheme: "exact".into(),
        asset: Address::from_bytes([1; 20]),
        payer: Address::from_bytes([2; 20]),
        pay_to: Address::from_bytes([3; 20]),
        amount: AtomicAmount::from(10_000),
        valid_until: now.after(Duration::from_secs(60)),
    }
}

pub(crate) fn attempt(nonce: u64, at: Timestamp) -> Attempt {
    let mut hash = [5; 32];
    hash[..8].copy_from_slice(&nonce.to_be_bytes());
    Attempt {
        hash: TxHash::from_bytes(hash),
        raw: vec![1, 2, 3],
        max_fee: u128::MAX,
        priority_fee: 1,
        purpose: Purpose::Settle,
        at,
    }
}

pub(crate) struct Office<'a> {
    pub(crate) world: &'a World,
    pub(crate) tenant: Id<Merchant>,
    pub(crate) owner: Uuid,
    pub(crate) signer: Address,
}

impl<'a> Office<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self { world, tenant: Id::generate(), owner: Uuid::now_v7(), signer: SIGNER }
    }

    pub(crate) fn slot(nonce: u64) -> SlotId {
        SlotId { chain: CHAIN, signer: SIGNER, nonce }
    }

    /// Payments from `first` on, one for each nonce from `expected` on.
    pub(crate) fn intents(&self, expected: Option<u64>, first: u64, count: u64) -> Intents {
        let now = self.world.now();
        let start = expected.unwrap_or(0);
        let intent = |at: u64| Intent {
            attempt: Some(attempt(start + at, now)),
            settlements: vec![Settlement {
                tenant: self.tenant,
                key: key(first + at),
                terms: terms(now),
                evidence: "{}".into(),
                slot: Some(SlotId { signer: self.signer, ..Self::slot(start + at) }),
                pays_for: None,
                outcome: Outcome::Unknown,
                created_at: now,
            }],
        };
        Intents {
            tenant: self.tenant,
            chain: CHAIN,
            signer: self.signer,
            expected,
            next: start + count,
            intents: (0..count).map(intent).collect(),
            names: vec![],
            lease: (self.owner, now.after(Duration::from_secs(15))),
            actor: Actor::new("test"),
            at: now,
        }
    }

    pub(crate) fn named(&self, name: &str, number: u64) -> SettlementName {
        SettlementName { scope: "key_1".into(), name: name.into(), request_hash: [4; 32], key: key(number) }
    }

    /// A payment fails, as far as a nonce can say.
    pub(crate) fn failed(&self, nonce: u64, number: u64) -> SlotStep {
        let mut step = self.settled(nonce, number, false);
        step.conclusions[0].outcome = Outcome::Failed { reason: "invalid_transaction_state".into() };
        step.conclusions[0].command = None;
        step
    }

    /// Another look at a slot, which has led to nothing.
    pub(crate) fn looked(&self, nonce: u64) -> SlotStep {
        let at = self.world.now();
        SlotStep { tenant: self.tenant, slot: Self::slot(nonce), attempt: None, conclusions: vec![], closes: false, at }
    }

    /// A payment is settled by its slot's transaction.
    pub(crate) fn settled(&self, nonce: u64, number: u64, closes: bool) -> SlotStep {
        let outcome = Outcome::Settled { transaction: Some(attempt(nonce, self.world.now()).hash), block: 12 };
        let command = posting(self.tenant, key(number), &terms(self.world.now()), Actor::new("test")).unwrap();
        let conclusions = vec![Conclusion { tenant: self.tenant, key: key(number), outcome, command }];
        let at = self.world.now();
        SlotStep { tenant: self.tenant, slot: Self::slot(nonce), attempt: None, conclusions, closes, at }
    }

    pub(crate) async fn outcome(&self, number: u64) -> Outcome {
        self.world.store.settlement(self.tenant, key(number)).await.unwrap().unwrap().outcome
    }
}
