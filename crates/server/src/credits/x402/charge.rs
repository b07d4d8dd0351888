//! A payment whose token holds: what it would charge, and why it may not.

use std::sync::Arc;

use farebox_engine::{
    credits::{Cost, Limit, Spend},
    ledger::{AccountKind, Actor, Operation, Refusal as LedgerRefusal, TransferId},
};
use farebox_store::{Fault, Plan};
use farebox_types::{Address, Quantity};
use uuid::Uuid;

use super::agent::AgentUse;
use crate::{
    backend::Backend,
    credits::{
        delegations::{account_of, counts_money, left},
        shape::quantity,
    },
    refusal::{DelegationEnd, Refusal, impossible},
};

/// A presented payment. Who pays, for what, and how it is limited are settled; nothing has been asked of the ledger.
pub(super) struct Charge {
    pub(super) plan: Arc<Plan>,
    pub(super) payer: Address,
    /// As offered.
    pub(super) network: String,
    pub(super) requested: Quantity,
    /// Of a single-use token.
    pub(super) nonce: Option<String>,
    pub(super) limits: Vec<Limit>,
    pub(super) agent: Option<AgentUse>,
    /// Why a new charge may not begin, although the token is ours: expired, revoked, closed. A charge that was promised
    /// by a hold is finished all the same.
    pub(super) standing: Option<Refusal>,
}

/// How a charge is named; the same name is the same charge.
#[derive(Clone, Copy)]
pub(super) enum ChargeName<'a> {
    /// By verify's answer.
    Request(&'a str),
    /// By the caller's idempotency key.
    Key(&'a str),
    /// By nothing: a charge of its own each time.
    Unnamed,
}

impl Charge {
    pub(super) fn spend(&self) -> Spend<'_> {
        Spend {
            tenant: self.plan.tenant,
            plan: self.plan.id,
            rules: &self.plan.rules,
            payer: self.payer,
            requested: self.requested,
            limits: &self.limits,
        }
    }

    /// A request id of ours is the charge's id as it is: ordered by time, it is far cheaper to index than a hash. Another
    /// payer's charge under the same id conflicts.
    pub(super) fn id(&self, name: ChargeName<'_>) -> TransferId {
        if let ChargeName::Request(id) = name
            && let Some(ours) = Uuid::try_parse(id).ok().filter(|uuid| uuid.get_version_num() == 7)
        {
            return TransferId::from_uuid(ours);
        }
        let (scope, key) = match name {
            ChargeName::Request(id) => ("charge", format!("{}/{id}", self.payer)),
            ChargeName::Key(key) => ("charge-key", format!("{}/{key}", self.payer)),
            // A single-use token is kept from a second one by its limit.
            ChargeName::Unnamed => return TransferId::from_uuid(Uuid::now_v7()),
        };
        TransferId::derive(self.plan.tenant, scope, &key)
    }

    pub(super) fn operation(&self, id: TransferId, actor: &Actor) -> Result<Operation, Fault> {
        let operation = self.spend().operation(id, actor.clone());
        operation.map_err(|bad| impossible(format!("a charge cannot be made: {bad}")))
    }

    /// What the payer lacks for this charge when `available` is all there is; `None` if that is enough.
    pub(super) fn lacking(&self, available: i64) -> Option<Refusal> {
        match self.spend().cost() {
            Cost::Credits(needed) if available < needed.micros() => {
                Some(Refusal::Insufficient { needed, available: quantity(available) })
            }
            Cost::Unmetered if available <= 0 => Some(Refusal::NotHeld),
            _ => None,
        }
    }

    /// Why a limit that is used up stops this charge; `returning` if what holds have reserved would be enough.
    fn limit_refusal(&self, limit: &Limit, returning: bool) -> Refusal {
        let single_use = self.nonce.as_deref().is_some_and(|nonce| limit.key == nonce_key(nonce));
        match (returning, single_use) {
            (true, _) => Refusal::InUse,
            (false, true) => Refusal::Spent,
            (false, false) if counts_money(limit) => Refusal::Delegation(DelegationEnd::Overspent),
            (false, false) => Refusal::Delegation(DelegationEnd::Exhausted),
        }
    }
}

/// The limit of a single-use token.
pub(super) fn nonce_key(nonce: &str) -> String {
    format!("nonce:{nonce}")
}

impl Backend {
    /// The first limit of the charge that has no use left, read without a lock.
    pub(super) async fn used_up(&self, charge: &Charge) -> Result<Option<Refusal>, Fault> {
        for limit in &charge.limits {
            let account = self.store().account(&account_of(charge.plan.tenant, limit)).await?;
            let (left, takes) = (left(limit, account.as_ref(), self.now()), limit.takes.micros());
            if left < takes {
                let held = account.map_or(0, |account| account.held);
                return Ok(Some(charge.limit_refusal(limit, left.saturating_add(held) >= takes)));
            }
        }
        Ok(None)
    }

    /// Says a ledger's refusal in the words of this wire. A spent token is called spent, even when credits lack too:
    /// some sellers serve on every other refusal.
    pub(super) async fn explain(&self, charge: &Charge, refusal: LedgerRefusal) -> Result<Refusal, Fault> {
        Ok(match refusal {
            LedgerRefusal::Insufficient { kind, available, held, .. } => {
                let is_limit = kind == AccountKind::Limit;
                match (is_limit, charge.limits.as_slice()) {
                    (true, [only]) if charge.nonce.is_some() => charge.limit_refusal(only, held > 0),
                    (true, _) => self.used_up(charge).await?.unwrap_or(Refusal::InUse),
                    (false, _) => match self.used_up(charge).await? {
                        Some(refusal) => refusal,
                        None => charge.lacking(available).unwrap_or(Refusal::NotHeld),
                    },
                }
            }
            LedgerRefusal::Finished { .. } => Refusal::Released,
            LedgerRefusal::Conflict => Refusal::RequestReused,
            LedgerRefusal::ExceedsHold { held } => Refusal::ExceedsHold { held },
            LedgerRefusal::Overflow => Refusal::Overflow,
            LedgerRefusal::TooManyLots
            | LedgerRefusal::CannotHold
            | LedgerRefusal::Beyond { .. }
            | LedgerRefusal::Moved => {
                return Err(impossible(format!("a charge was refused: {refusal}")));
            }
        })
    }
}
