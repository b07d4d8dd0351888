//! What a provider's word changes.

use std::time::Duration;

use farebox_types::{Id, Money, Refund as RefundKind, Timestamp};

use super::{Action, Call, DisputeRow, Event, PaidBack, Payment, Refund, RefundState, Refused, State};
use crate::ledger::TransferId;

/// How long a call may be under way before somebody else asks after it; longer than any call is waited for.
pub const WITHIN: Duration = Duration::from_secs(30);

/// How long a payment waits for its payer; then it is given up.
pub const ABANDONED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The code of a payment that its provider shows with another amount.
const MISFIT: &str = "provider_differs";

/// How a provider shows a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Known there, nothing tried.
    Created,
    /// The payer must act.
    RequiresAction,
    /// At it.
    Processing,
    /// Authorized.
    RequiresCapture,
    /// Paid.
    Succeeded,
    /// Refused.
    Failed,
    /// Given up.
    Canceled,
}

/// A provider's snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub provider_id: String,
    /// How it stands there.
    pub stage: Stage,
    /// What was taken.
    pub captured: i64,
    /// What was paid back in all, where the provider says so: also what was paid back there and not through us.
    pub refunded: Option<i64>,
    /// What the payer must do.
    pub action: Option<Action>,
    /// Why it failed.
    pub refusal: Option<Refused>,
    /// What was asked for there, where the provider says so.
    pub money: Option<Money>,
    /// Its newest dispute.
    pub dispute: Option<Disputed>,
    /// The call that it answers, by its number ([`super::Details::calls`]); a look-up answers none.
    pub answers: Option<u32>,
}

/// A dispute as a provider shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disputed {
    /// How much is withheld, where the provider says so; all that was not paid back otherwise.
    pub minor: Option<i64>,
    /// Who won, once it is over.
    pub won: Option<bool>,
}

/// What a provider said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// This is how the payment stands.
    Seen(Box<Seen>),
    /// A call is refused.
    Refused {
        /// Which, by its number. If it is not under way any more, this is old news.
        call: u32,
        /// Why.
        refused: Refused,
        /// The provider's id of the refused payment, if there is one.
        provider_id: Option<String>,
        /// The payment has failed with it: a decline.
        ends: bool,
    },
    /// Nothing certain: of a call, by its number, or of a look.
    Silent(Option<u32>),
    /// This is how a refund stands.
    RefundSeen {
        /// Which.
        refund: Id<RefundKind>,
        /// How.
        state: RefundState,
        /// The provider's id.
        provider_id: Option<String>,
        /// Why not.
        failure: Option<String>,
    },
    /// Nothing certain about a refund.
    RefundSilent(Id<RefundKind>),
}

/// Changes the payment; true if that is worth an entry in its trail.
pub(super) fn payment(row: &mut Payment, word: &Word, now: Timestamp) -> bool {
    let before = noteworthy(row);
    match word {
        Word::Seen(seen) if fits(row, seen) => see(row, seen),
        Word::Seen(_) => misfit(row),
        Word::Refused { call, refused, provider_id, ends } if is_under_way(row, *call) => {
            refuse(row, refused, provider_id.as_ref(), *ends);
        }
        Word::Silent(_) => {
            if let Some(next) = row.state.apply(Event::Sent).filter(|_| row.details.pending.is_some()) {
                row.state = next;
            }
        }
        Word::Refused { .. } | Word::RefundSeen { .. } | Word::RefundSilent(_) => {}
    }
    let changed = before != noteworthy(row);
    row.details.checks = if changed { 0 } else { row.details.checks.saturating_add(1) };
    // Who makes the call that is under way is left alone as long as before, whatever others see or hear meanwhile.
    let aside = match word {
        Word::Seen(seen) => seen.answers.is_none_or(|call| call != row.details.calls),
        Word::Refused { call, .. } | Word::Silent(Some(call)) => *call != row.details.calls,
        _ => false,
    };
    let aside = aside && row.details.pending.is_some();
    if !aside || row.next_check.is_none_or(|at| at <= now) {
        row.next_check = next_check(row, now);
    }
    changed
}

/// What of a payment an entry in its trail is worth when it changes.
fn noteworthy(row: &Payment) -> impl PartialEq + use<> {
    let details = &row.details;
    let misfit = details.refusal.as_ref().is_some_and(|refusal| refusal.code == MISFIT);
    let known = (row.state, row.captured, row.provider_id.clone());
    (known, details.pending.clone(), details.disputes.clone(), misfit)
}

/// Whether it can be this payment: of another amount nothing is believed, whatever id it is shown under.
pub(super) fn fits(row: &Payment, seen: &Seen) -> bool {
    seen.money.is_none_or(|money| money == row.money) && (0..=row.money.minor).contains(&seen.captured)
}

/// Nothing moves before a person has looked.
fn misfit(row: &mut Payment) {
    let message = "the provider shows another amount under this payment's id".to_owned();
    row.details.refusal = Some(Refused { code: MISFIT.to_owned(), decline_code: None, message });
}

fn is_under_way(row: &Payment, call: u32) -> bool {
    row.details.pending.is_some() && row.details.calls == call
}

fn see(row: &mut Payment, seen: &Seen) {
    row.provider_id.get_or_insert_with(|| seen.provider_id.clone());
    let event = match seen.stage {
        Stage::Created => None,
        Stage::RequiresAction => Some(Event::ActionNeeded),
        Stage::Processing => Some(Event::Sent),
        Stage::RequiresCapture => Some(Event::Authorized),
        Stage::Succeeded => Some(Event::Captured),
        Stage::Failed => Some(Event::Refused),
        Stage::Canceled => Some(Event::GivenUp),
    };
    if let Some(next) = event.and_then(|event| row.state.apply(event)) {
        row.state = next;
        if seen.stage == Stage::Succeeded {
            row.captured = seen.captured;
        }
        row.details.refusal.clone_from(&seen.refusal);
    }
    row.details.action = if row.state == State::RequiresAction { seen.action.clone() } else { None };
    row.details.handed_out |= row.details.action.is_some();
    let answered = match &row.details.pending {
        None => true,
        Some(_) if seen.answers == Some(row.details.calls) || !row.state.is_open() => true,
        Some(Call::Create) => seen.stage != Stage::Created,
        Some(Call::Confirm(_)) => !matches!(seen.stage, Stage::Created | Stage::RequiresAction),
        Some(Call::Capture(_) | Call::Cancel) => false,
    };
    if answered {
        row.details.pending = None;
    }
    if let Some(seen) = seen.dispute {
        dispute(row, seen);
    }
}

/// Opens or ends a dispute. One that is over before it was seen open is opened first, so that both postings are made.
fn dispute(row: &mut Payment, Disputed { minor, won }: Disputed) {
    let rest = row.captured.saturating_sub(row.refunded).max(0);
    let minor = minor.unwrap_or(rest).clamp(0, row.captured);
    let open = row.details.disputes.last().is_some_and(|last| last.won.is_none());
    let ended_alike = row.details.disputes.last().is_some_and(|last| last.won == won);
    if !open
        && (won.is_none() || !ended_alike)
        && let Some(next) = row.state.apply(Event::DisputeOpened)
    {
        row.state = next;
        row.details.disputes.push(DisputeRow { minor, won: None });
    }
    let Some(last) = row.details.disputes.last_mut().filter(|last| last.won.is_none()) else { return };
    last.won = won;
    if won == Some(true)
        && let Some(next) = row.state.apply(Event::DisputeWon(paid_back(row)))
    {
        row.state = next;
    }
}

fn refuse(row: &mut Payment, refused: &Refused, provider_id: Option<&String>, ends: bool) {
    if row.provider_id.is_none() {
        row.provider_id = provider_id.cloned();
    }
    // A refused capture or cancellation leaves the payment as it is; a refused create or confirm may end it.
    let ends = ends && matches!(row.details.pending, Some(Call::Create | Call::Confirm(_)));
    if ends && let Some(next) = row.state.apply(Event::Refused) {
        row.state = next;
        row.details.action = None;
    }
    row.details.refusal = Some(refused.clone());
    row.details.pending = None;
}

/// Changes the refund and its payment; true if that is worth an entry.
pub(super) fn refund(payment: &mut Payment, row: &mut Refund, word: &Word, now: Timestamp) -> bool {
    let Word::RefundSeen { state, provider_id, failure, .. } = word else {
        row.next_check = Some(now.after(refund_wait(row, now, 2)));
        return false;
    };
    if row.provider_id.is_none() {
        row.provider_id.clone_from(provider_id);
    }
    if row.state == RefundState::Succeeded && *state == RefundState::Failed {
        row.state = RefundState::Failed;
        row.failure = Some(failure.clone().unwrap_or_else(|| "returned".to_owned()));
        payment.refunded = payment.refunded.saturating_sub(row.minor).max(0);
        payment.details.returned.push(row.id.uuid());
        if let Some(next) = payment.state.apply(Event::CameBack(paid_back(payment))) {
            payment.state = next;
        }
        return true;
    }
    if row.state != RefundState::Pending || *state == RefundState::Pending {
        row.next_check = (row.state == RefundState::Pending).then(|| now.after(refund_wait(row, now, 30)));
        return false;
    }
    row.state = *state;
    row.failure.clone_from(failure);
    row.next_check = None;
    payment.refunding = payment.refunding.saturating_sub(row.minor).max(0);
    if *state == RefundState::Succeeded {
        payment.refunded = payment.refunded.saturating_add(row.minor);
        if let Some(next) = payment.state.apply(Event::PaidBack(paid_back(payment))) {
            payment.state = next;
        }
    }
    true
}

/// What a provider's snapshot has paid back beyond what we know: a refund that was made there. While one of ours is under way
/// nobody can say whose it is, so it is left for the next look.
pub(super) fn refunded_elsewhere(row: &mut Payment, word: &Word, now: Timestamp) -> Option<Refund> {
    let Word::Seen(seen) = word else { return None };
    if !fits(row, seen) {
        return None;
    }
    let total = seen.refunded?.min(row.captured);
    let minor = total.saturating_sub(row.refunded);
    if minor <= 0 || row.refunding != 0 || !row.state.was_paid() {
        return None;
    }
    row.refunded = total;
    if let Some(next) = row.state.apply(Event::PaidBack(paid_back(row))) {
        row.state = next;
    }
    // The same look, read twice, is the same refund.
    let key = match row.details.returned.len() {
        0 => format!("{}/{total}", row.id),
        // The same total may be reached again after some came back.
        round => format!("{}/{total}/{round}", row.id),
    };
    let id = TransferId::derive(row.tenant, "payment.refunded_elsewhere", &key).uuid();
    Some(Refund {
        tenant: row.tenant,
        id: Id::from_uuid(id),
        payment: row.id,
        minor,
        state: RefundState::Succeeded,
        provider_id: None,
        reason: Some("made at the provider".to_owned()),
        failure: None,
        next_check: None,
        created_at: now,
        updated_at: now,
    })
}

/// The longer a refund has been under way, the less often it is asked after.
fn refund_wait(row: &Refund, now: Timestamp, least: u64) -> Duration {
    let age = now.since(row.created_at).as_secs();
    Duration::from_secs((age / 4).clamp(least, 21_600))
}

const fn paid_back(row: &Payment) -> PaidBack {
    match row.refunded {
        0 => PaidBack::None,
        refunded if refunded >= row.captured => PaidBack::All,
        _ => PaidBack::Part,
    }
}

/// Sooner for what nobody knows, later for what waits for a person; never for what is over.
fn next_check(row: &Payment, now: Timestamp) -> Option<Timestamp> {
    let (first, most) = match (&row.details.pending, row.state) {
        (Some(_), _) => (1, 300),
        (None, State::Created | State::Processing) => (2, 600),
        (None, State::RequiresAction) => (15, 3600),
        (None, State::RequiresCapture) => (3600, 21_600),
        _ => return None,
    };
    let seconds = u64::min(first << row.details.checks.min(20), most);
    Some(now.after(Duration::from_secs(seconds)))
}
