//! Settlement rows as columns, alike on both engines.

use farebox_engine::settlement::{Attempt, Outcome, PaymentKey, Purpose, Settlement, Slot, SlotId, Terms, TxHash};
use farebox_types::{Address, AtomicAmount, Id, Merchant, Timestamp};
use serde_json::{Value, json};

use super::{Intents, SlotStep};
use crate::Fault;

macro_rules! in_slot {
    ($row:literal) => {
        concat!(
            $row,
            ".tenant = slot.tenant AND ",
            $row,
            ".chain = slot.chain AND ",
            $row,
            ".signer = slot.signer AND ",
            $row,
            ".nonce = slot.nonce"
        )
    };
}

/// What is wrong with slots and what rides in them, in words.
pub(crate) const SLOT_DIFFERENCES: &str = concat!(
    "SELECT 'nonce ' || slot.nonce || ' is closed, and a payment in it is unknown' FROM slot JOIN settlement s ON ",
    in_slot!("s"),
    " WHERE slot.state = 'closed' AND s.state = 'unknown' UNION ALL \
     SELECT 'nonce ' || slot.nonce || ' is closed, and keeps evidence of a payment' FROM slot JOIN settlement s ON ",
    in_slot!("s"),
    " WHERE slot.state = 'closed' AND length(s.evidence) > 0 UNION ALL \
     SELECT 'nonce ' || slot.nonce || ' is closed, and a transaction of it could be sent' FROM slot JOIN attempt a ON ",
    in_slot!("a"),
    " WHERE slot.state = 'closed' AND length(a.raw) > 0 UNION ALL \
     SELECT 'nonce ' || s.nonce || ' has a payment, and no row' FROM settlement s \
     WHERE s.nonce IS NOT NULL AND NOT EXISTS (SELECT 1 FROM slot WHERE ",
    in_slot!("s"),
    ") UNION ALL \
     SELECT 'nonce ' || slot.nonce || ' is used, and its signer could use it again' FROM slot \
     WHERE NOT EXISTS (SELECT 1 FROM signer g WHERE g.tenant = slot.tenant AND g.chain = slot.chain \
     AND g.signer = slot.signer AND g.next_nonce > slot.nonce) UNION ALL \
     SELECT 'a payment of ' || s.amount || ' is unknown, and has no nonce' FROM settlement s \
     WHERE s.state = 'unknown' AND s.nonce IS NULL UNION ALL \
     SELECT 'a payment for ' || s.pays_for || ' is ' || s.state || ', and what it pays for is given' FROM settlement s \
     WHERE s.given_at IS NOT NULL AND s.state <> 'settled'"
);

/// An outcome's columns: state, transaction, block, reason.
pub(crate) type OutcomeColumns = (&'static str, Option<[u8; 32]>, Option<i64>, Option<String>);

pub(crate) fn outcome_columns(outcome: &Outcome) -> Result<OutcomeColumns, Fault> {
    Ok(match outcome {
        Outcome::Unknown => ("unknown", None, None, None),
        Outcome::Settled { transaction, block } => {
            ("settled", transaction.map(|hash| *hash.bytes()), Some(small(*block)?), None)
        }
        Outcome::Failed { reason } => ("failed", None, None, Some(reason.clone())),
    })
}

/// A settlement row as either engine reads it.
pub(crate) struct SettlementRow {
    pub(crate) key: [u8; 32],
    pub(crate) chain: i64,
    pub(crate) scheme: String,
    pub(crate) asset: [u8; 20],
    pub(crate) payer: [u8; 20],
    pub(crate) pay_to: [u8; 20],
    pub(crate) amount: String,
    pub(crate) valid_until: i64,
    pub(crate) evidence: String,
    pub(crate) slot: Option<([u8; 20], i64)>,
    pub(crate) state: String,
    pub(crate) transaction: Option<[u8; 32]>,
    pub(crate) block: Option<i64>,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) pays_for: Option<String>,
}

impl SettlementRow {
    pub(crate) fn read(self, tenant: Id<Merchant>) -> Result<Settlement, Fault> {
        let corrupt = |detail: &str| Fault::corrupt("settlement", detail);
        let chain = self.chain.cast_unsigned();
        let outcome = match &*self.state {
            "unknown" => Outcome::Unknown,
            "settled" => Outcome::Settled {
                transaction: self.transaction.map(TxHash::from_bytes),
                block: self.block.ok_or_else(|| corrupt("block"))?.cast_unsigned(),
            },
            "failed" => Outcome::Failed { reason: self.reason.ok_or_else(|| corrupt("reason"))? },
            _ => return Err(corrupt("state")),
        };
        let address = Address::from_bytes;
        let terms = Terms {
            chain,
            scheme: self.scheme,
            asset: address(self.asset),
            payer: address(self.payer),
            pay_to: address(self.pay_to),
            amount: self.amount.parse::<AtomicAmount>().map_err(|_| corrupt("amount"))?,
            valid_until: Timestamp::from_micros(self.valid_until),
        };
        let slot =
            self.slot.map(|(signer, nonce)| SlotId { chain, signer: address(signer), nonce: nonce.cast_unsigned() });
        Ok(Settlement {
            tenant,
            key: PaymentKey::from_bytes(self.key),
            terms,
            evidence: self.evidence,
            slot,
            pays_for: self.pays_for,
            outcome,
            created_at: Timestamp::from_micros(self.created_at),
        })
    }
}

/// An attempt row as either engine reads it.
pub(crate) struct AttemptRow {
    pub(crate) hash: [u8; 32],
    pub(crate) raw: Vec<u8>,
    pub(crate) max_fee: String,
    pub(crate) priority_fee: String,
    pub(crate) purpose: String,
    pub(crate) created_at: i64,
}

impl AttemptRow {
    pub(crate) fn read(self) -> Result<Attempt, Fault> {
        let corrupt = |detail: &str| Fault::corrupt("attempt", detail);
        let purpose = [Purpose::Settle, Purpose::Cancel].into_iter().find(|one| one.as_str() == self.purpose);
        Ok(Attempt {
            hash: TxHash::from_bytes(self.hash),
            raw: self.raw,
            max_fee: self.max_fee.parse().map_err(|_| corrupt("fee"))?,
            priority_fee: self.priority_fee.parse().map_err(|_| corrupt("fee"))?,
            purpose: purpose.ok_or_else(|| corrupt("purpose"))?,
            at: Timestamp::from_micros(self.created_at),
        })
    }
}

/// A slot without what rides on it.
pub(crate) fn empty_slot(tenant: Id<Merchant>, id: SlotId, created_at: i64) -> Slot {
    let created_at = Timestamp::from_micros(created_at);
    Slot { tenant, id, attempts: Vec::new(), settlements: Vec::new(), created_at }
}

/// A count that storage keeps in 63 bits.
pub(crate) fn small(number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| Fault::never(format!("{number} is too large to be stored")))
}

/// What the audit trail says of new intents.
pub(crate) fn intent_entries(intents: &Intents, from: Option<SlotId>) -> Vec<Value> {
    let actor = intents.actor.as_str();
    let action = if from.is_some() { "settlement_moved" } else { "settlement_intended" };
    let settlements = intents.intents.iter().flat_map(|intent| &intent.settlements);
    let entry = |one: &Settlement| {
        let slot = one.slot.map(|slot| slot_text(&slot));
        let mut line = json!({"action": action, "actor": actor, "subject": one.key.to_string(), "slot": slot});
        if let Some(what) = &one.pays_for {
            line["pays_for"] = what.as_str().into();
        }
        line
    };
    settlements.map(entry).collect()
}

/// What it says of a step.
pub(crate) fn step_entries(step: &SlotStep) -> Vec<Value> {
    let slot = slot_text(&step.slot);
    let entry = |action: &str, subject: String| json!({"action": action, "actor": "facilitator", "subject": subject, "slot": slot});
    let mut entries: Vec<Value> =
        step.attempt.iter().map(|one| entry("attempt_signed", one.hash.to_string())).collect();
    for one in &step.conclusions {
        entries.push(match &one.outcome {
            Outcome::Settled { .. } => entry("settlement_settled", one.key.to_string()),
            Outcome::Failed { reason } => entry("settlement_failed", format!("{} {reason}", one.key)),
            Outcome::Unknown => continue,
        });
    }
    entries.extend(step.closes.then(|| entry("slot_closed", slot.clone())));
    entries
}

fn slot_text(slot: &SlotId) -> String {
    format!("eip155:{}/{}/{}", slot.chain, slot.signer, slot.nonce)
}
