//! What may be asked of a payment, before any provider is.

use std::fmt;

use farebox_types::{Id, Refund as RefundKind, Timestamp};

use super::{Call, Payment, Refund, RefundState, State};

/// A further call.
#[derive(Clone, PartialEq, Eq)]
pub enum Ask {
    /// Go on after the payer has acted.
    Confirm(Option<String>),
    /// Take this much of what was authorized; all of it by default.
    Capture(Option<i64>),
    /// Give it up.
    Cancel,
    /// Pay back this much; all that is left by default.
    Refund {
        /// The new refund's id.
        id: Id<RefundKind>,
        /// Minor units.
        minor: Option<i64>,
        /// For the payer.
        reason: Option<String>,
    },
}

/// Without what the browser brought.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirm(_) => f.write_str("confirm"),
            Self::Capture(minor) => write!(f, "capture({minor:?})"),
            Self::Cancel => f.write_str("cancel"),
            Self::Refund { id, minor, .. } => write!(f, "refund({id}, {minor:?})"),
        }
    }
}

/// Why not: nothing was written and nobody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Not in this state.
    #[error("a payment that is {} cannot be asked that", .state.as_str())]
    State {
        /// Where it stands.
        state: State,
    },
    /// More than there is.
    #[error("{asked} minor units asked, {left} left")]
    TooMuch {
        /// Minor units.
        asked: i64,
        /// Minor units.
        left: i64,
    },
    /// Another call's end is not known yet.
    #[error("another call on this payment is under way")]
    Busy,
}

/// The call to make, checked; a refund is a row of its own.
pub(super) fn plan(payment: &Payment, ask: &Ask, now: Timestamp) -> Result<Planned, Denied> {
    let state = payment.state;
    let denied = Denied::State { state };
    if let Ask::Refund { id, minor, reason } = ask {
        return refund(payment, *id, *minor, reason.clone(), now).map(Planned::Refund);
    }
    if payment.details.pending.is_some() {
        return Err(Denied::Busy);
    }
    Ok(Planned::Call(match ask {
        Ask::Confirm(token) if state == State::RequiresAction => Call::Confirm(token.clone()),
        Ask::Cancel if state == State::RequiresAction || state == State::RequiresCapture => Call::Cancel,
        Ask::Capture(minor) if state == State::RequiresCapture => {
            Call::Capture(within(minor.unwrap_or(payment.money.minor), payment.money.minor)?)
        }
        _ => return Err(denied),
    }))
}

pub(super) enum Planned {
    Call(Call),
    Refund(Refund),
}

fn refund(
    payment: &Payment,
    id: Id<RefundKind>,
    minor: Option<i64>,
    reason: Option<String>,
    now: Timestamp,
) -> Result<Refund, Denied> {
    let state = payment.state;
    if !matches!(state, State::Succeeded | State::PartiallyRefunded) {
        return Err(Denied::State { state });
    }
    let left = payment.captured.saturating_sub(payment.refunded).saturating_sub(payment.refunding);
    let minor = within(minor.unwrap_or(left), left)?;
    Ok(Refund {
        tenant: payment.tenant,
        id,
        payment: payment.id,
        minor,
        state: RefundState::Pending,
        provider_id: None,
        reason,
        failure: None,
        next_check: None,
        created_at: now,
        updated_at: now,
    })
}

fn within(asked: i64, left: i64) -> Result<i64, Denied> {
    if asked > 0 && asked <= left { Ok(asked) } else { Err(Denied::TooMuch { asked, left }) }
}
