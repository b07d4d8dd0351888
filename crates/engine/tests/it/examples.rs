//! Each rule of the ledger as a sentence, and what proves it.

use farebox_engine::ledger::{AccountKind, Outcome, Refusal};

mod grants;
mod holds;
mod lapses;
mod late;
mod legs;
mod posts;
mod renewals;
mod states;
mod tallies;
mod tenants;
mod uses;

use crate::world::{credits, parts};

fn granted(balance: i64) -> Outcome {
    Outcome::Granted { balance: parts(balance), replayed: false }
}

fn held(balance: i64, until: i64) -> Outcome {
    Outcome::Held { balance: parts(balance), expires_at: crate::world::at(until), replayed: false }
}

fn posted(units: u64, balance: i64) -> Outcome {
    Outcome::Posted { amount: credits(units), balance: parts(balance), replayed: false }
}

fn released(returned: i64, lapsed: i64) -> Outcome {
    Outcome::Released { returned: parts(returned), lapsed: parts(lapsed), replayed: false }
}

const NOTHING_TO_RELEASE: Outcome = Outcome::Released { returned: 0, lapsed: 0, replayed: true };

fn lacks(kind: AccountKind, needed: i64, available: i64, held: i64) -> Refusal {
    Refusal::Insufficient { kind, needed: parts(needed), available: parts(available), held: parts(held) }
}

fn lacks_credits(needed: i64, available: i64, held: i64) -> Refusal {
    lacks(AccountKind::Holder, needed, available, held)
}

fn again(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Granted { balance, .. } => Outcome::Granted { balance, replayed: true },
        Outcome::Held { balance, expires_at, .. } => Outcome::Held { balance, expires_at, replayed: true },
        Outcome::Posted { amount, balance, .. } => Outcome::Posted { amount, balance, replayed: true },
        Outcome::Released { returned, lapsed, .. } => Outcome::Released { returned, lapsed, replayed: true },
        Outcome::Renewed { balance, .. } => Outcome::Renewed { balance, replayed: true },
    }
}
