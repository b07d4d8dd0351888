//! What to do next about a slot, from what a look at the chain has shown. Every step may be repeated.

use std::time::Duration;

use farebox_types::Timestamp;

use super::{Attempt, Outcome, PaymentKey, Purpose, Settlement, Slot, TxHash};

/// How patient to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// A transaction counts when this many blocks have it, its own included; at least 1.
    pub confirmations: u64,
    /// A slot is watched for a reorganisation until this many blocks have its transaction.
    pub watch: u64,
    /// The same bytes are sent again after this long without a block.
    pub resend: Duration,
    /// A higher fee is offered after this long without a block.
    pub bump: Duration,
    /// How long a node may lag behind another one about what is in a block.
    pub lag: Duration,
}

/// One of a slot's transactions in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mined {
    /// Which one.
    pub hash: TxHash,
    /// Its block.
    pub block: u64,
    /// How many blocks have it: 1 in the latest.
    pub depth: u64,
    /// The payments whose transfer is among its events.
    pub paid: Vec<PaymentKey>,
}

/// What the chain says about an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It has not been used.
    Unused,
    /// It has paid the payee, by this transaction.
    Paid {
        /// Which one.
        transaction: TxHash,
        /// Its block.
        block: u64,
    },
    /// It was cancelled, or used for something else: it will never pay.
    Spent,
}

/// One look at the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The slot's transaction in a block, if there is one.
    pub mined: Option<Mined>,
    /// The signer's number of transactions up to the latest block.
    pub count: u64,
    /// When this process last sent the newest attempt; `None` if it never did.
    pub sent_at: Option<Timestamp>,
    /// What was asked about authorizations.
    pub uses: Vec<(PaymentKey, Use)>,
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Look again later.
    Wait,
    /// Ask what became of these authorizations, and decide again with [`Seen::uses`].
    Ask(Vec<PaymentKey>),
    /// Send the newest attempt's bytes as they are.
    Send,
    /// Sign another transaction with this nonce and a higher fee, write it down, then send it.
    Replace(Purpose),
    /// Write down what is known now.
    Conclude {
        /// Payments whose outcome is known now.
        outcomes: Vec<(PaymentKey, Outcome)>,
        /// Payments that need another nonce: this one was used up by something else.
        moves: Vec<PaymentKey>,
        /// Nothing is left to watch.
        closes: bool,
    },
}

/// The chain refused the transaction.
pub const REVERTED: &str = "invalid_transaction_state";
/// The authorization ran out before a block took the transaction.
pub const EXPIRED: &str = "invalid_exact_evm_payload_authorization_valid_before";
/// The authorization was cancelled or used for something else.
pub const SPENT: &str = "invalid_exact_evm_nonce_already_used";

/// Decides. Pure: the same rows and the same look give the same step.
#[must_use]
pub fn next(slot: &Slot, seen: &Seen, patience: &Patience, now: Timestamp) -> Next {
    let open: Vec<&Settlement> = slot.settlements.iter().filter(|one| one.outcome == Outcome::Unknown).collect();
    match &seen.mined {
        Some(mined) if mined.depth < patience.confirmations.max(1) => Next::Wait,
        Some(mined) => after_block(slot, &open, mined, seen, mined.depth >= patience.watch, now),
        None if seen.count > slot.id.nonce => used_up(slot, &open, seen, patience, now),
        None => in_flight(slot, seen, patience, now),
    }
}

/// A block has one of our transactions: what it did not pay was refused, or had been paid by another one before. What
/// failed in company may have failed by its company, and gets a nonce of its own.
fn after_block(slot: &Slot, open: &[&Settlement], mined: &Mined, seen: &Seen, deep: bool, now: Timestamp) -> Next {
    let (mut outcomes, mut unsure, mut moves) = (Vec::new(), Vec::new(), Vec::new());
    let in_company = slot.settlements.len() > 1;
    for one in open {
        if mined.paid.contains(&one.key) {
            outcomes.push((one.key, Outcome::Settled { transaction: Some(mined.hash), block: mined.block }));
            continue;
        }
        match used(seen, one.key) {
            None => unsure.push(one.key),
            Some(Use::Unused) if in_company && now < one.terms.valid_until => moves.push(one.key),
            Some(Use::Unused) => outcomes.push((one.key, failed(REVERTED))),
            Some(other) => outcomes.push((one.key, known(other))),
        }
    }
    let closes = deep && moves.is_empty();
    if !unsure.is_empty() {
        return Next::Ask(unsure);
    }
    if outcomes.is_empty() && moves.is_empty() && !closes {
        return Next::Wait;
    }
    Next::Conclude { outcomes, moves, closes }
}

/// The nonce is gone, and none of our transactions has it, as far as this node knows.
fn used_up(slot: &Slot, open: &[&Settlement], seen: &Seen, patience: &Patience, now: Timestamp) -> Next {
    let since = slot.attempts.last().map_or(slot.created_at, |attempt| attempt.at);
    if now < since.after(patience.lag) {
        return Next::Wait;
    }
    let unsure: Vec<PaymentKey> = open.iter().filter(|one| used(seen, one.key).is_none()).map(|one| one.key).collect();
    if !unsure.is_empty() {
        return Next::Ask(unsure);
    }
    let (mut outcomes, mut moves) = (Vec::new(), Vec::new());
    for one in open {
        match used(seen, one.key) {
            Some(Use::Unused) | None if now < one.terms.valid_until => moves.push(one.key),
            Some(Use::Unused) | None => outcomes.push((one.key, failed(EXPIRED))),
            Some(other) => outcomes.push((one.key, known(other))),
        }
    }
    let closes = moves.is_empty();
    Next::Conclude { outcomes, moves, closes }
}

/// No block has it yet: it waits somewhere, or was dropped.
fn in_flight(slot: &Slot, seen: &Seen, patience: &Patience, now: Timestamp) -> Next {
    let Some(newest) = slot.attempts.last() else { return Next::Wait };
    let Some(sent_at) = seen.sent_at else { return Next::Send };
    let needed = slot.settlements.iter().any(|one| needs(slot, one, now));
    if !needed && newest.purpose == Purpose::Settle && now >= newest.at.after(patience.resend) {
        return Next::Replace(Purpose::Cancel);
    }
    match newest {
        Attempt { purpose, at, .. } if now >= at.after(patience.bump) => Next::Replace(*purpose),
        _ if now >= sent_at.after(patience.resend) => Next::Send,
        _ => Next::Wait,
    }
}

/// Whether a payment still depends on this slot: it may yet be paid by it, or was, in a block that is gone.
fn needs(slot: &Slot, one: &Settlement, now: Timestamp) -> bool {
    match &one.outcome {
        Outcome::Unknown => now < one.terms.valid_until,
        Outcome::Settled { transaction: Some(by), .. } => slot.attempts.iter().any(|attempt| attempt.hash == *by),
        Outcome::Settled { transaction: None, .. } | Outcome::Failed { .. } => false,
    }
}

fn used(seen: &Seen, key: PaymentKey) -> Option<Use> {
    seen.uses.iter().find(|(asked, _)| *asked == key).map(|(_, found)| *found)
}

fn known(used: Use) -> Outcome {
    match used {
        Use::Paid { transaction, block } => Outcome::Settled { transaction: Some(transaction), block },
        Use::Spent => failed(SPENT),
        Use::Unused => Outcome::Unknown,
    }
}

fn failed(reason: &str) -> Outcome {
    Outcome::Failed { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use farebox_types::{Address, AtomicAmount, Id};

    use super::*;
    use crate::settlement::{SlotId, Terms};

    const PATIENCE: Patience = Patience {
        confirmations: 1,
        watch: 3,
        resend: Duration::from_secs(5),
        bump: Duration::from_secs(15),
        lag: Duration::from_secs(30),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn key(byte: u8) -> PaymentKey {
        PaymentKey::from_bytes([byte; 32])
    }

    fn hash(byte: u8) -> TxHash {
        TxHash::from_bytes([byte; 32])
    }

    fn address(byte: u8) -> Address {
        Address::from_bytes([byte; 20])
    }

    fn attempt(byte: u8, purpose: Purpose, seconds: i64) -> Attempt {
        Attempt { hash: hash(byte), raw: vec![byte], max_fee: 1, priority_fee: 1, purpose, at: at(seconds) }
    }

    /// Nonce 7, one attempt at second 0, payments that hold until second 60.
    fn slot(outcomes: &[Outcome]) -> Slot {
        let id = SlotId { chain: 84_532, signer: address(9), nonce: 7 };
        let settlement = |(at_index, outcome): (usize, &Outcome)| Settlement {
            tenant: Id::generate(),
            key: key(u8::try_from(at_index).unwrap()),
            terms: Terms {
                chain: 84_532,
                scheme: "exact".into(),
                asset: address(1),
                payer: address(2),
                pay_to: address(3),
                amount: AtomicAmount::from(10_000),
                valid_until: at(60),
            },
            evidence: String::new(),
            slot: Some(id),
            pays_for: None,
            outcome: outcome.clone(),
            created_at: at(0),
        };
        Slot {
            tenant: Id::generate(),
            id,
            attempts: vec![attempt(1, Purpose::Settle, 0)],
            settlements: outcomes.iter().enumerate().map(settlement).collect(),
            created_at: at(0),
        }
    }

    fn mined(depth: u64, paid: &[PaymentKey]) -> Option<Mined> {
        Some(Mined { hash: hash(1), block: 40, depth, paid: paid.to_vec() })
    }

    fn settled() -> Outcome {
        Outcome::Settled { transaction: Some(hash(1)), block: 40 }
    }

    fn conclude(outcomes: Vec<(PaymentKey, Outcome)>, closes: bool) -> Next {
        Next::Conclude { outcomes, moves: vec![], closes }
    }

    fn decide(slot: &Slot, seen: &Seen, seconds: i64) -> Next {
        next(slot, seen, &PATIENCE, at(seconds))
    }

    #[test]
    fn a_process_that_never_sent_the_bytes_sends_them_as_they_are() {
        let look = Seen { count: 7, ..Seen::default() };
        assert_eq!(decide(&slot(&[Outcome::Unknown]), &look, 1), Next::Send);
    }

    #[test]
    fn without_a_block_the_bytes_are_sent_again_and_later_the_fee_is_raised() {
        let look = |sent| Seen { count: 7, sent_at: Some(at(sent)), ..Seen::default() };
        let slot = slot(&[Outcome::Unknown]);
        assert_eq!(decide(&slot, &look(1), 3), Next::Wait);
        assert_eq!(decide(&slot, &look(1), 6), Next::Send);
        assert_eq!(decide(&slot, &look(14), 15), Next::Replace(Purpose::Settle));
    }

    #[test]
    fn a_transfer_in_a_block_settles_and_is_watched_until_it_is_deep() {
        let look = |depth| Seen { mined: mined(depth, &[key(0)]), count: 8, ..Seen::default() };
        assert_eq!(decide(&slot(&[Outcome::Unknown]), &look(1), 2), conclude(vec![(key(0), settled())], false));
        assert_eq!(decide(&slot(&[settled()]), &look(2), 4), Next::Wait);
        assert_eq!(decide(&slot(&[settled()]), &look(3), 6), conclude(vec![], true));
    }

    #[test]
    fn too_shallow_a_block_decides_nothing() {
        let patience = Patience { confirmations: 2, ..PATIENCE };
        let look = Seen { mined: mined(1, &[key(0)]), count: 8, ..Seen::default() };
        assert_eq!(next(&slot(&[Outcome::Unknown]), &look, &patience, at(2)), Next::Wait);
    }

    #[test]
    fn a_reverted_transaction_fails_only_after_asking_who_used_the_authorization() {
        let mut look = Seen { mined: mined(1, &[]), count: 8, ..Seen::default() };
        let slot = slot(&[Outcome::Unknown]);
        assert_eq!(decide(&slot, &look, 2), Next::Ask(vec![key(0)]));
        look.uses = vec![(key(0), Use::Paid { transaction: hash(5), block: 39 })];
        let by_another = Outcome::Settled { transaction: Some(hash(5)), block: 39 };
        assert_eq!(decide(&slot, &look, 2), conclude(vec![(key(0), by_another)], false));
        look.uses = vec![(key(0), Use::Unused)];
        assert_eq!(decide(&slot, &look, 2), conclude(vec![(key(0), failed(REVERTED))], false));
        look.uses = vec![(key(0), Use::Spent)];
        assert_eq!(decide(&slot, &look, 2), conclude(vec![(key(0), failed(SPENT))], false));
    }

    #[test]
    fn what_fails_in_a_shared_transaction_gets_one_of_its_own_while_it_holds() {
        let uses = vec![(key(1), Use::Unused)];
        let look = Seen { mined: mined(1, &[key(0)]), count: 8, uses, ..Seen::default() };
        let both = slot(&[Outcome::Unknown, Outcome::Unknown]);
        let moved = Next::Conclude { outcomes: vec![(key(0), settled())], moves: vec![key(1)], closes: false };
        assert_eq!(decide(&both, &look, 2), moved);
        assert_eq!(decide(&both, &look, 61), conclude(vec![(key(0), settled()), (key(1), failed(REVERTED))], false));
    }

    #[test]
    fn a_block_that_is_gone_brings_the_same_bytes_back_never_a_cancellation() {
        let look = |sent| Seen { count: 7, sent_at: sent, ..Seen::default() };
        assert_eq!(decide(&slot(&[settled()]), &look(None), 90), Next::Send);
        assert_eq!(decide(&slot(&[settled()]), &look(Some(at(1))), 90), Next::Replace(Purpose::Settle));
    }

    #[test]
    fn an_expired_authorization_gives_its_nonce_up_by_a_cancellation() {
        let look = Seen { count: 7, sent_at: Some(at(58)), ..Seen::default() };
        let mut slot = slot(&[Outcome::Unknown]);
        assert_eq!(decide(&slot, &look, 61), Next::Replace(Purpose::Cancel));
        slot.attempts.push(attempt(2, Purpose::Cancel, 61));
        let look = Seen { sent_at: Some(at(61)), ..look };
        assert_eq!(decide(&slot, &look, 62), Next::Wait);
        assert_eq!(decide(&slot, &look, 77), Next::Replace(Purpose::Cancel));
    }

    #[test]
    fn a_nonce_used_by_something_else_moves_what_is_still_good() {
        let slot = slot(&[Outcome::Unknown]);
        let mut look = Seen { count: 8, sent_at: Some(at(1)), ..Seen::default() };
        assert_eq!(decide(&slot, &look, 10), Next::Wait, "a node may lag");
        assert_eq!(decide(&slot, &look, 31), Next::Ask(vec![key(0)]));
        look.uses = vec![(key(0), Use::Unused)];
        let moved = Next::Conclude { outcomes: vec![], moves: vec![key(0)], closes: false };
        assert_eq!(decide(&slot, &look, 31), moved);
        assert_eq!(decide(&slot, &look, 61), conclude(vec![(key(0), failed(EXPIRED))], true));
    }
}
