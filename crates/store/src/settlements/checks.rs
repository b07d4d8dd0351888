//! What a store refuses to write about settlements, alike on both engines: rows that nobody could make good later.

use std::collections::BTreeSet;

use farebox_engine::{
    ledger::Command,
    settlement::{Outcome, PaymentKey, Settlement, SlotId, posting_id},
};

use super::{Conclusion, Intents, SlotStep};
use crate::Fault;

/// Each payment once, each nonce once and at or above the signer's next one, a transaction for each nonce.
pub(crate) fn check_intents(intents: &Intents, from: Option<SlotId>) -> Result<(), Fault> {
    if intents.expected.is_some_and(|expected| intents.next < expected) {
        return Err(Fault::never("a signer's nonces cannot be given back"));
    }
    let (mut keys, mut nonces) = (BTreeSet::new(), BTreeSet::new());
    for intent in &intents.intents {
        let first = intent.settlements.first().ok_or_else(|| Fault::never("an intent without a payment"))?;
        let slot = first.slot;
        if slot.is_some() != intent.attempt.is_some() || (slot.is_none() && from.is_some()) {
            return Err(Fault::never(format!("payment {} has a nonce without a transaction, or the other", first.key)));
        }
        if slot.is_some_and(|slot| !is_theirs(intents, slot) || !nonces.insert(slot.nonce)) {
            return Err(Fault::never(format!("payment {} has a nonce that is not this signer's to give", first.key)));
        }
        for one in &intent.settlements {
            if one.slot != slot || !begins(intents, one) || !keys.insert(one.key) {
                return Err(Fault::never(format!("payment {} cannot begin like this", one.key)));
            }
        }
    }
    Ok(())
}

fn is_theirs(intents: &Intents, slot: SlotId) -> bool {
    let nonces = intents.expected.unwrap_or_default()..intents.next;
    (slot.chain, slot.signer) == (intents.chain, intents.signer) && nonces.contains(&slot.nonce)
}

/// A payment begins unknown; one that takes nothing begins, and ends, settled.
fn begins(intents: &Intents, one: &Settlement) -> bool {
    let open = match one.slot {
        Some(_) => one.outcome == Outcome::Unknown,
        None => one.terms.amount.is_zero() && matches!(one.outcome, Outcome::Settled { .. }),
    };
    open && one.tenant == intents.tenant && one.terms.chain == intents.chain
}

/// One merchant's, and each posting is its own payment's.
pub(crate) fn check_steps(steps: &[SlotStep]) -> Result<(), Fault> {
    for step in steps {
        let of_others = step.conclusions.iter().any(|one| one.tenant != step.tenant);
        if of_others || steps.first().is_some_and(|first| first.tenant != step.tenant) {
            return Err(Fault::never("steps of several merchants"));
        }
        if let Some(one) = step.conclusions.iter().find(|one| !posts_itself(one)) {
            return Err(Fault::never(format!("payment {} is concluded with what is not its posting", one.key)));
        }
    }
    Ok(())
}

fn posts_itself(one: &Conclusion) -> bool {
    match (&one.command, &one.outcome) {
        (None, _) => true,
        (Some(command @ Command::Post(operation)), Outcome::Settled { .. }) => {
            command.tenant() == one.tenant && operation.id() == posting_id(one.tenant, one.key)
        }
        (Some(_), _) => false,
    }
}

/// A payment's row before a step.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    pub(crate) state: String,
    pub(crate) amount: String,
    pub(crate) slot: Option<SlotId>,
}

/// Whether a conclusion is new; one that was written before is harmless.
///
/// That money has moved is true whoever says it. That none ever will is for the nonce to say that the payment rides in: a
/// process that has slept through a move knows another one.
pub(crate) fn is_new(step: &SlotStep, one: &Conclusion, before: Option<&Before>) -> Result<bool, Fault> {
    let before = before.ok_or_else(|| Fault::never(format!("there is no payment {}", one.key)))?;
    let new = may_follow(one.key, &before.state, &one.outcome)?;
    match &one.outcome {
        Outcome::Settled { .. } if one.command.is_none() && before.amount != "0" => {
            Err(Fault::never(format!("payment {} is settled without its posting", one.key)))
        }
        Outcome::Failed { .. } if new && before.slot != Some(step.slot) => {
            Err(Fault::never(format!("payment {} rides in another nonce by now", one.key)))
        }
        _ => Ok(new),
    }
}

/// Whether an outcome may take the place of another: unknown gives way to anything, a known one to itself only. True if it
/// is new.
fn may_follow(key: PaymentKey, before: &str, after: &Outcome) -> Result<bool, Fault> {
    match (before, after) {
        ("unknown", Outcome::Unknown) | ("settled", Outcome::Settled { .. }) | ("failed", Outcome::Failed { .. }) => {
            Ok(false)
        }
        ("unknown", _) => Ok(true),
        _ => Err(Fault::never(format!("payment {key} is {before}, and cannot become {after:?}"))),
    }
}

pub(crate) fn no_slot(slot: &SlotId) -> Fault {
    Fault::never(format!("nonce {} has no row", slot.nonce))
}

pub(crate) fn is_over(slot: &SlotId) -> Fault {
    Fault::never(format!("nonce {} is over: it takes no other transaction", slot.nonce))
}

pub(crate) fn still_unknown(key: [u8; 32]) -> Fault {
    Fault::never(format!("payment {} is unknown: its nonce is not over", PaymentKey::from_bytes(key)))
}
