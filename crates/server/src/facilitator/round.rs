//! One round of the watch: look at the chain, decide about each slot, write everything down, then send. What is wrong with
//! one slot stops no other.

use std::collections::BTreeSet;

use farebox_engine::settlement::{
    Attempt, Mined, Next, Outcome, PaymentKey, Purpose, Seen, SlotId, TxHash, Use, next, posting,
};
use farebox_evm::{
    Payment,
    chain::{Look, Receipt},
};
use farebox_store::{Conclusion, Fault, Retry, SlotStep};
use farebox_types::{AtomicAmount, Timestamp};

use super::{
    Trouble, actor,
    desk::End,
    sender,
    watch::{Watch, Watched, attempt},
};

/// What one slot's look has led to.
pub(super) struct Decided<'a> {
    watched: &'a mut Watched,
    next: Next,
}

impl Watch {
    /// Everything that can be seen of these slots, in one exchange with the node.
    pub(super) async fn look(&self, slots: &[&mut Watched]) -> Result<Look, Trouble> {
        let hashes: Vec<[u8; 32]> =
            slots.iter().flat_map(|one| &one.slot.attempts).map(|one| *one.hash.bytes()).collect();
        let signers: BTreeSet<_> = slots.iter().map(|one| one.slot.id.signer).collect();
        let signers: Vec<_> = signers.into_iter().collect();
        self.chain.look(&hashes, &signers).await.map_err(|fault| Trouble::soon(fault.to_string()))
    }

    /// What follows for each slot. One about which the chain cannot be asked now is put off.
    pub(super) async fn decide<'a>(&self, due: Vec<&'a mut Watched>, look: &Look, now: Timestamp) -> Vec<Decided<'a>> {
        let mut decided = Vec::with_capacity(due.len());
        for watched in due {
            match self.decide_one(watched, look, now).await {
                Ok(next) => decided.push(Decided { watched, next }),
                Err(trouble) => watched.put_off(now, &trouble),
            }
        }
        decided
    }

    async fn decide_one(&self, watched: &Watched, look: &Look, now: Timestamp) -> Result<Next, Trouble> {
        let mut seen = seen(watched, look);
        let mut step = next(&watched.slot, &seen, &self.patience, now);
        if let Next::Ask(keys) = step {
            for key in keys {
                let Some(payment) = watched.payments.get(&key) else { continue };
                let Some(one) = watched.slot.settlements.iter().find(|one| one.key == key) else { continue };
                let used = self
                    .chain
                    .use_of(payment, one.terms.amount, one.created_at)
                    .await
                    .map_err(|fault| Trouble::soon(fault.to_string()))?;
                seen.uses.push((key, in_words_of_rules(used)));
            }
            step = next(&watched.slot, &seen, &self.patience, now);
        }
        Ok(step)
    }

    /// Writes what was decided in one commit; then sends, tells, and names the slots that are over here: those that are
    /// closed, and those about which the store knows better.
    pub(super) async fn act(&self, decided: Vec<Decided<'_>>, now: Timestamp) -> Result<BTreeSet<SlotId>, Trouble> {
        let (mut steps, mut writing) = (Vec::new(), Vec::with_capacity(decided.len()));
        for one in decided {
            match self.step(&one, now).await {
                Ok(step) => {
                    steps.extend(step);
                    one.watched.failures = 0;
                    writing.push(one);
                }
                Err(trouble) => one.watched.put_off(now, &trouble),
            }
        }
        let refused = self.write(&steps).await?;
        let mut closed = BTreeSet::new();
        let mut resend: Vec<&mut Watched> = Vec::new();
        for Decided { watched, next } in writing {
            if refused.contains(&watched.slot.id) {
                self.leave(watched);
                closed.insert(watched.slot.id);
                continue;
            }
            match next {
                Next::Conclude { outcomes, moves, closes } => {
                    if closes {
                        closed.insert(watched.slot.id);
                    }
                    self.conclude(watched, outcomes);
                    if !moves.is_empty() {
                        // What does not find room is found again when the slot is leased next.
                        let _ = self.moves.try_send((watched.slot.clone(), moves));
                        closed.insert(watched.slot.id);
                    }
                }
                Next::Replace(_) => {
                    let added =
                        steps.iter().find(|step| step.slot == watched.slot.id).and_then(|step| step.attempt.clone());
                    watched.slot.attempts.extend(added);
                    resend.push(watched);
                }
                Next::Send => resend.push(watched),
                Next::Wait | Next::Ask(_) => {}
            }
        }
        resend.sort_by_key(|one| one.slot.id);
        sender::send(&self.chain, &*self.clock, &mut resend).await;
        Ok(closed)
    }

    /// Writes the steps; the slots whose step cannot be written as it is, if any.
    async fn write(&self, steps: &[SlotStep]) -> Result<BTreeSet<SlotId>, Fault> {
        let mut refused = BTreeSet::new();
        if steps.is_empty() {
            return Ok(refused);
        }
        match self.store.step(steps.to_vec()).await {
            Err(Fault { retry: Retry::Never, .. }) => {}
            written => return written.map(|()| refused),
        }
        for step in steps {
            match self.store.step(vec![step.clone()]).await {
                Err(Fault { retry: Retry::Never, what }) => {
                    tracing::warn!(nonce = step.slot.nonce, "another process knows better, reading anew: {what}");
                    refused.insert(step.slot);
                }
                written => written?,
            }
        }
        Ok(refused)
    }

    /// Forgets a slot that somebody else has driven. It is read anew when it is leased next; whoever waits asks the store.
    fn leave(&self, watched: &Watched) {
        for one in watched.slot.settlements.iter().filter(|one| one.outcome == Outcome::Unknown) {
            self.desk.over(one.key, End::Broken(Trouble::soon("another process has this payment in hand")));
        }
    }

    /// What is to be written of one decision.
    async fn step(&self, decided: &Decided<'_>, now: Timestamp) -> Result<Option<SlotStep>, Trouble> {
        let slot = &decided.watched.slot;
        let step = |attempt, conclusions, closes| SlotStep {
            tenant: slot.tenant,
            slot: slot.id,
            attempt,
            conclusions,
            closes,
            at: now,
        };
        Ok(match &decided.next {
            Next::Conclude { outcomes, closes, .. } => {
                let conclusions = outcomes.iter().map(|(key, outcome)| conclusion(decided.watched, *key, outcome));
                Some(step(None, conclusions.collect::<Result<_, _>>()?, *closes))
            }
            Next::Replace(purpose) => {
                self.replacement(decided.watched, *purpose, now).await?.map(|new| step(Some(new), Vec::new(), false))
            }
            Next::Wait | Next::Ask(_) | Next::Send => None,
        })
    }

    /// Another transaction with the same nonce and a higher fee.
    async fn replacement(
        &self,
        watched: &Watched,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<Attempt>, Trouble> {
        let slot = &watched.slot;
        let wallet = self.wallets.iter().find(|wallet| wallet.address() == slot.id.signer);
        let (Some(wallet), Some(newest)) = (wallet, slot.attempts.last()) else {
            tracing::error!(signer = %slot.id.signer, "this signer's key is not here any more: its transactions cannot be replaced");
            return Ok(None);
        };
        let current = self.chain.fees().await.map_err(|fault| Trouble::soon(fault.to_string()))?;
        let fees = current.above(newest.max_fee, newest.priority_fee);
        if fees.max > self.chain.max_fee() {
            tracing::warn!(
                nonce = slot.id.nonce,
                "a transaction offers as much as it may, and waits: raise max_fee to go on"
            );
            return Ok(None);
        }
        let nonce = slot.id.nonce;
        let signed = match purpose {
            Purpose::Cancel => self.chain.sign_cancel(nonce, fees, wallet),
            Purpose::Settle => {
                let payments = unsettled(watched);
                let signed = self.chain.sign_settlement(&payments, nonce, fees, wallet);
                signed.map_err(|fault| Trouble { what: fault.to_string(), retry_after: None })?
            }
        };
        tracing::info!(nonce, purpose = purpose.as_str(), "a transaction is replaced by one with a higher fee");
        Ok(Some(attempt(signed, fees, purpose, now)))
    }

    fn conclude(&self, watched: &mut Watched, outcomes: Vec<(PaymentKey, Outcome)>) {
        for (key, outcome) in outcomes {
            let Some(one) = watched.slot.settlements.iter_mut().find(|one| one.key == key) else { continue };
            one.outcome = outcome.clone();
            self.desk.over(key, End::Known { outcome, amount: one.terms.amount });
        }
    }
}

fn in_words_of_rules(used: farebox_evm::chain::Use) -> Use {
    match used {
        farebox_evm::chain::Use::Unused => Use::Unused,
        farebox_evm::chain::Use::Spent => Use::Spent,
        farebox_evm::chain::Use::Paid { transaction, block } => {
            Use::Paid { transaction: TxHash::from_bytes(transaction), block }
        }
    }
}

/// What a slot's transaction is for: the payments that it may still settle, or did, in a block that is gone.
fn unsettled(watched: &Watched) -> Vec<(&Payment, AtomicAmount)> {
    let of_slot = watched.slot.settlements.iter().filter(|one| !matches!(one.outcome, Outcome::Failed { .. }));
    of_slot.filter_map(|one| Some((&**watched.payments.get(&one.key)?, one.terms.amount))).collect()
}

/// The outcome with its posting.
fn conclusion(watched: &Watched, key: PaymentKey, outcome: &Outcome) -> Result<Conclusion, Trouble> {
    let tenant = watched.slot.tenant;
    let settled = watched.slot.settlements.iter().find(|one| one.key == key);
    let command = match (outcome, settled) {
        (Outcome::Settled { .. }, Some(one)) => {
            let posting = posting(tenant, key, &one.terms, actor());
            posting.map_err(|bad| Trouble {
                what: format!("a settled payment cannot be posted: {bad}"),
                retry_after: None,
            })?
        }
        _ => None,
    };
    Ok(Conclusion { tenant, key, outcome: outcome.clone(), command })
}

/// What one look says about a slot.
fn seen(watched: &Watched, look: &Look) -> Seen {
    let count = look.counts.get(&watched.slot.id.signer).copied().unwrap_or_default();
    let mined = watched.slot.attempts.iter().find_map(|attempt| {
        let receipt = look.receipts.get(attempt.hash.bytes())?;
        Some(mined(watched, receipt, attempt.hash, look.head))
    });
    Seen { mined, count, sent_at: watched.sent_at, uses: Vec::new() }
}

fn mined(watched: &Watched, receipt: &Receipt, hash: TxHash, head: u64) -> Mined {
    let paid =
        watched.slot.settlements.iter().filter(|one| {
            watched.payments.get(&one.key).is_some_and(|payment| receipt.settles(payment, one.terms.amount))
        });
    Mined {
        hash,
        block: receipt.block,
        depth: head.saturating_sub(receipt.block) + 1,
        paid: paid.map(|one| one.key).collect(),
    }
}
