//! Transfers: what moved, from where to where, and where it stands.

use std::{fmt, str::FromStr};

use farebox_types::{Id, Merchant, Quantity, Timestamp};
use uuid::Uuid;

use super::{AccountId, LotTerms, Slice, digest::derive};

/// A transfer's id is its operation's id: a second effect under the same id is refused for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransferId(Uuid);

impl TransferId {
    /// The id of the operation that `key` names within `scope`. The same words give the same id, in any process.
    #[must_use]
    pub fn derive(tenant: Id<Merchant>, scope: &str, key: &str) -> Self {
        Self(derive(&[b"operation", tenant.uuid().as_bytes(), scope.as_bytes(), key.as_bytes()]))
    }

    /// The id of an operation's further leg.
    #[must_use]
    pub fn leg(self, index: u8) -> Self {
        if index == 0 { self } else { Self(derive(&[b"leg", self.0.as_bytes(), &[index]])) }
    }

    /// The id of the transfer that takes an expired lot's rest out of its account.
    pub(super) fn lapse(lot: Uuid, cause: &[u8]) -> Self {
        Self(derive(&[b"lapse", lot.as_bytes(), cause]))
    }

    /// An id read back from storage.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The 16 bytes that storage keeps.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trf_{}", self.0.simple())
    }
}

/// Where a transfer stands. `Held` moves on to any of the others; `Expired` may still be posted, late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Reserved.
    Held,
    /// Final.
    Posted,
    /// Given back.
    Released,
    /// Given back because its time ran out.
    Expired,
}

impl State {
    /// The word storage keeps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Posted => "posted",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

/// A string that is not a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a transfer state")]
pub struct BadState;

impl FromStr for State {
    type Err = BadState;

    fn from_str(text: &str) -> Result<Self, BadState> {
        [Self::Held, Self::Posted, Self::Released, Self::Expired]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(BadState)
    }
}

/// One movement. Both sides are one row, so every transfer sums to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The operation's id, or derived from it.
    pub id: TransferId,
    /// The operation this belongs to.
    pub operation: TransferId,
    /// Who gives.
    pub from: AccountId,
    /// Who takes.
    pub to: AccountId,
    /// What was asked for: held, or posted at once.
    pub amount: Quantity,
    /// What was posted, at most `amount`; zero unless posted.
    pub settled: Quantity,
    /// Where it stands.
    pub state: State,
    /// Which lots paid; a release gives back exactly these.
    pub provenance: Vec<Slice>,
    /// The lot it opened, if it opened one; that has the transfer's id.
    pub opens: Option<LotTerms>,
    /// What the giver could still spend right after: the answer a replay repeats.
    pub balance: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it left `Held`, or was posted at once.
    pub settled_at: Option<Timestamp>,
    /// When a hold ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl Transfer {
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.state == State::Held && self.expires_at.is_some_and(|at| at <= now)
    }
}
