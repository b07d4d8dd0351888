//! What can be asked of the ledger.

use std::{fmt, sync::Arc};

use farebox_types::{Id, Merchant, Quantity, Timestamp};

use super::{AccountId, AccountSpec, Renewal, Tally, TransferId, Usage};

/// Who asked, for the audit trail: an id or a fixed word, never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(Arc<str>);

impl Actor {
    /// Names an actor.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Two accounts and an amount that may move between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    from: AccountSpec,
    to: AccountSpec,
    amount: Quantity,
}

/// A movement that makes no sense; a programming or configuration mistake, never the payer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLeg {
    /// Amounts of different units never meet.
    #[error("the two accounts count different units")]
    MixedUnits,
    /// Both accounts belong to one merchant.
    #[error("the two accounts belong to different merchants")]
    MixedTenants,
    /// Amounts are above zero.
    #[error("the amount is zero")]
    Zero,
    /// A charge has 1 to 254 legs, and takes from each account once.
    #[error("the legs are none, more than 254, or two of one account")]
    Legs,
    /// A charge goes to an unguarded account; a grant goes from an unguarded to a guarded one.
    #[error("an account is on the wrong side")]
    WrongSide,
}

impl Leg {
    /// A charge: `from` may be guarded, `to` is not.
    ///
    /// # Errors
    /// [`BadLeg`] if units, tenants or sides do not fit, or the amount is zero.
    pub fn charge(from: AccountSpec, to: AccountSpec, amount: Quantity) -> Result<Self, BadLeg> {
        if to.floor.is_some() {
            return Err(BadLeg::WrongSide);
        }
        Self::checked(from, to, amount)
    }

    /// A grant: from an unguarded account into a guarded one.
    ///
    /// # Errors
    /// As [`Leg::charge`].
    pub fn grant(from: AccountSpec, to: AccountSpec, amount: Quantity) -> Result<Self, BadLeg> {
        if from.floor.is_some() || to.floor.is_none() {
            return Err(BadLeg::WrongSide);
        }
        Self::checked(from, to, amount)
    }

    fn checked(from: AccountSpec, to: AccountSpec, amount: Quantity) -> Result<Self, BadLeg> {
        if from.unit != to.unit {
            return Err(BadLeg::MixedUnits);
        }
        if from.tenant != to.tenant {
            return Err(BadLeg::MixedTenants);
        }
        if amount.is_zero() {
            return Err(BadLeg::Zero);
        }
        Ok(Self { from, to, amount })
    }

    /// Who gives.
    #[must_use]
    pub const fn from(&self) -> &AccountSpec {
        &self.from
    }

    /// Who takes.
    #[must_use]
    pub const fn to(&self) -> &AccountSpec {
        &self.to
    }

    /// How much, above zero.
    #[must_use]
    pub const fn amount(&self) -> Quantity {
        self.amount
    }
}

/// Something that must hold, though nothing of it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// A guarded account.
    pub account: AccountSpec,
    /// What must be available in it.
    pub at_least: Quantity,
}

/// A charge under one id: all of its legs, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    pub(super) tenant: Id<Merchant>,
    pub(super) id: TransferId,
    pub(super) legs: Vec<Leg>,
    pub(super) requires: Option<Requirement>,
    pub(super) keeps: Option<i64>,
    pub(super) usage: Option<Usage>,
    pub(super) clock: Option<Timestamp>,
    pub(super) actor: Actor,
}

impl Operation {
    /// A charge of `legs` under `id` (the idempotency key in its final form): what is paid comes first, the uses of its
    /// authorizations follow.
    ///
    /// # Errors
    /// [`BadLeg`] if there are no legs or too many, two take from one account, or the merchants differ.
    pub fn new(id: TransferId, legs: Vec<Leg>, actor: Actor) -> Result<Self, BadLeg> {
        let tenant = legs.first().ok_or(BadLeg::Legs)?.from.tenant;
        let repeated =
            legs.iter().enumerate().any(|(at, leg)| legs[..at].iter().any(|other| other.from.id == leg.from.id));
        if repeated || legs.len() >= usize::from(u8::MAX) {
            return Err(BadLeg::Legs);
        }
        if legs.iter().any(|leg| leg.from.tenant != tenant) {
            return Err(BadLeg::MixedTenants);
        }
        Ok(Self { tenant, id, legs, requires: None, keeps: None, usage: None, clock: None, actor })
    }

    /// The same, refused unless `requirement` holds.
    #[must_use]
    pub fn requiring(self, requirement: Requirement) -> Self {
        Self { requires: Some(requirement), ..self }
    }

    /// The same, refused unless at least `least` (which may be below zero) would stay in the account of the first leg.
    #[must_use]
    pub fn keeping(self, least: i64) -> Self {
        Self { keeps: Some(least), ..self }
    }

    /// The same, telling what was used: once it is posted, an event says so.
    #[must_use]
    pub fn telling(self, usage: Usage) -> Self {
        Self { usage: Some(usage), ..self }
    }

    /// The same, at the merchant's own time.
    #[must_use]
    pub fn at(self, clock: Timestamp) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// The merchant.
    #[must_use]
    pub const fn tenant(&self) -> Id<Merchant> {
        self.tenant
    }

    /// What moves, in order.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> TransferId {
        self.id
    }
}

/// A new lot under one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The idempotency key in its final form; also the lot's id.
    pub id: TransferId,
    /// Issuer to holder.
    pub leg: Leg,
    /// Lower burns first.
    pub priority: i16,
    /// When the lot expires.
    pub expires_at: Option<Timestamp>,
    /// The merchant's own time, if it has one.
    pub clock: Option<Timestamp>,
    /// Who asked.
    pub actor: Actor,
}

/// One request to the ledger. Each may be sent again with the same id: it has its effect once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Opens a lot.
    Grant(Grant),
    /// Reserves until `expires_at`, which is to come. Only guarded accounts can hold.
    Hold {
        /// What to reserve.
        operation: Operation,
        /// When the hold ends by itself.
        expires_at: Timestamp,
    },
    /// Makes a hold final, for its amount or less, even after it expired if that much can still be taken; or, without a
    /// hold of this id, takes the amount at once.
    Post(Operation),
    /// Gives a hold back; without one, nothing happens.
    Release(Operation),
    /// Opens the windows of a metered balance that have begun.
    Renew(Renewal),
    /// Counts an event that is not simply added, or takes uses back.
    Tally(Box<Tally>),
}

impl Command {
    /// The merchant.
    #[must_use]
    pub const fn tenant(&self) -> Id<Merchant> {
        match self {
            Self::Grant(grant) => grant.leg.from.tenant,
            Self::Renew(renewal) => renewal.account.tenant,
            Self::Tally(tally) => tally.meter.tenant,
            Self::Hold { operation, .. } | Self::Post(operation) | Self::Release(operation) => operation.tenant,
        }
    }

    /// The merchant's own time, if the command carries one.
    #[must_use]
    pub const fn clock(&self) -> Option<Timestamp> {
        match self {
            Self::Grant(grant) => grant.clock,
            Self::Renew(renewal) => Some(renewal.at),
            Self::Tally(tally) => tally.clock,
            Self::Hold { operation, .. } | Self::Post(operation) | Self::Release(operation) => operation.clock,
        }
    }

    /// The account by which writers are chosen, so that one hot account rides one writer.
    #[must_use]
    pub fn lane(&self) -> Option<AccountId> {
        match self {
            Self::Grant(grant) => Some(grant.leg.to.id),
            Self::Renew(renewal) => Some(renewal.account.id),
            Self::Tally(tally) => Some(tally.balance.as_ref().map_or(tally.meter.id, |(account, _)| account.id)),
            Self::Hold { operation, .. } | Self::Post(operation) | Self::Release(operation) => {
                let required = operation.requires.as_ref().map(|requirement| requirement.account.id);
                required.or_else(|| operation.legs.first().map(|leg| leg.from.id))
            }
        }
    }
}
