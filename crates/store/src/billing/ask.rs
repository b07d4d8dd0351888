//! Who asks for what, under which name; and what comes of it.

use farebox_engine::{
    entitlement::Uncountable,
    ledger::{Actor, Refusal},
    subscription::NotAllowed,
};
use farebox_types::{Id, Merchant};

use super::{BillingWrite, Kind, Put};
use crate::{Fault, OperationKey};

/// A write's name and asker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// The write's name: the same again has the same effect, once, and the same answer.
    pub operation: OperationKey,
    /// SHA-256 of the request: another request under the same name is a conflict.
    pub request_hash: [u8; 32],
    /// Who asks.
    pub actor: Actor,
}

/// A write's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// As it was first given.
    pub answer: String,
    /// It was given before.
    pub replayed: bool,
}

/// Why nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BillingError {
    /// The database; [`Fault::retry`] says whether something may have been written.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// There is no such thing for this tenant.
    #[error("there is no such {}", .0.as_str())]
    NotFound(Kind),
    /// The name of the write was used before for another request.
    #[error("this key was used before for another request")]
    Conflict,
    /// Another row of the kind has this name.
    #[error("another {} has this name", .0.as_str())]
    Taken(Kind, String),
    /// Somebody else wrote the same rows again and again.
    #[error("somebody else writes the same at the same time")]
    Busy,
    /// A subscription in this state cannot do this.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The ledger refused: a balance does not suffice, a hold is over.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An event that its metric cannot count.
    #[error(transparent)]
    Uncountable(#[from] Uncountable),
    /// Understood, but it makes no sense: which, in a word.
    #[error("{0}")]
    Invalid(&'static str),
}

/// What a use case decided to write.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    pub(crate) puts: Vec<Put>,
    pub(crate) commands: Vec<farebox_engine::ledger::Command>,
    pub(crate) answer: String,
}

impl Ask {
    pub(crate) fn write(&self, decided: Decided, at: farebox_types::Timestamp) -> BillingWrite {
        BillingWrite {
            tenant: self.tenant,
            operation: self.operation.clone(),
            request_hash: self.request_hash,
            puts: decided.puts.into_iter().map(|put| put.0).collect(),
            commands: decided.commands,
            answer: decided.answer,
            actor: self.actor.clone(),
            at,
        }
    }
}
