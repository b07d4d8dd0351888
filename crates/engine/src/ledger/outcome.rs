//! What the ledger answers.

use farebox_types::{Quantity, Timestamp};

use super::{AccountKind, State};

/// The effect of a command, or of the earlier command with the same id (`replayed`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A lot is open.
    Granted {
        /// Spendable right after, in the unit's smallest parts.
        balance: i64,
        /// This id had its effect before.
        replayed: bool,
    },
    /// Reserved.
    Held {
        /// Spendable right after.
        balance: i64,
        /// When the hold ends by itself.
        expires_at: Timestamp,
        /// This id had its effect before.
        replayed: bool,
    },
    /// Final.
    Posted {
        /// What was taken.
        amount: Quantity,
        /// Spendable right after.
        balance: i64,
        /// This id had its effect before.
        replayed: bool,
    },
    /// The windows are open.
    Renewed {
        /// Spendable right after.
        balance: i64,
        /// All of them were open before.
        replayed: bool,
    },
    /// Given back.
    Released {
        /// What became spendable again.
        returned: i64,
        /// What did not, because its lots had expired meanwhile.
        lapsed: i64,
        /// There was no hold, or it had been given back before.
        replayed: bool,
    },
}

/// A business answer with its numbers: nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The account would fall below its floor.
    #[error("{needed} needed, {available} available")]
    Insufficient {
        /// Which kind of account: a holder lacks credits, a limit lacks uses.
        kind: AccountKind,
        /// What was asked, in the unit's smallest parts.
        needed: i64,
        /// What could be taken.
        available: i64,
        /// What outstanding holds have reserved: it may come back.
        held: i64,
    },
    /// The same id came before with other accounts or another amount.
    #[error("this id was used before for something else")]
    Conflict,
    /// The id's hold is over, or would have been over before it began.
    #[error("this hold is over: {}", .state.as_str())]
    Finished {
        /// How it ended.
        state: State,
    },
    /// More was posted than was held.
    #[error("more was asked than is held")]
    ExceedsHold {
        /// What is held.
        held: Quantity,
    },
    /// Only guarded accounts can hold.
    #[error("this account cannot hold")]
    CannotHold,
    /// More would be taken back than was used in the window.
    #[error("more was taken back than was used in this window")]
    Beyond {
        /// What was used, in the unit's smallest parts.
        used: i64,
    },
    /// Others have taken back what was to be taken back: look again.
    #[error("what was to be taken back has been taken back by others")]
    Moved,
    /// Too many open lots.
    #[error("the account has too many open lots")]
    TooManyLots,
    /// A number would leave its range.
    #[error("the amount is too large for this account")]
    Overflow,
}
