//! One payment on a chain, settled once or not at all: its rows, and what to do next about them.
//!
//! A **settlement** is one payer's authorization made final. It rides in a **slot**: one nonce of one signer, which is
//! filled by at most one of the slot's **attempts** (transactions with that nonce), whatever happens to the others.

mod next;
mod posting;
mod rows;

pub use next::{EXPIRED, Mined, Next, Patience, REVERTED, SPENT, Seen, Use, next};
pub use posting::{countable, posting, posting_id};
pub use rows::{Attempt, BadHash, Intent, Outcome, PaymentKey, Purpose, Settlement, Slot, SlotId, Terms, TxHash};
