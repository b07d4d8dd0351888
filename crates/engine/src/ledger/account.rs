//! Accounts: whose, of what, of which kind.

use std::{fmt, str::FromStr};

use farebox_types::{Address, Currency, Id, Merchant, Plan, Quantity, Timestamp};
use uuid::Uuid;

use super::{Lot, digest::derive};

/// An account's id, computed from tenant, kind, unit and owner: naming an account needs no read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(Uuid);

impl AccountId {
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

/// What an account counts. Amounts of different units never meet in one transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Credits of one plan, in millionths.
    Credit(Id<Plan>),
    /// Uses of an authorization.
    Use,
    /// Units of a metered feature, by the feature's id.
    Metered(Uuid),
    /// Atomic units of a token on a chain, a millionth each: 1 of a token with six decimals is [`Quantity::ONE`].
    Token {
        /// The chain's number, as in `eip155:8453`.
        chain: u64,
        /// The token's address.
        asset: Address,
    },
    /// Minor units of a currency, a millionth each.
    Money(Currency),
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credit(plan) => write!(f, "credit:{plan}"),
            Self::Use => f.write_str("use"),
            Self::Metered(feature) => write!(f, "metered:{feature}"),
            Self::Token { chain, asset } => write!(f, "token:{chain}:{asset}"),
            Self::Money(currency) => write!(f, "money:{currency}"),
        }
    }
}

/// A string that is not a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a unit")]
pub struct BadUnit;

impl FromStr for Unit {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        match text.split_once(':') {
            Some(("credit", plan)) => plan.parse().map(Self::Credit).map_err(|_| BadUnit),
            Some(("metered", feature)) => feature.parse().map(Self::Metered).map_err(|_| BadUnit),
            Some(("money", code)) => code.parse().map(Self::Money).map_err(|_| BadUnit),
            Some(("token", token)) => {
                let (chain, asset) = token.split_once(':').ok_or(BadUnit)?;
                let chain = chain.parse().map_err(|_| BadUnit)?;
                asset.parse().map(|asset| Self::Token { chain, asset }).map_err(|_| BadUnit)
            }
            None if text == "use" => Ok(Self::Use),
            _ => Err(BadUnit),
        }
    }
}

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountKind {
    /// A payer's balance. Guarded.
    Holder,
    /// How often an authorization may be used: starts at 0, floor −limit. Guarded.
    Limit,
    /// Where granted credits come from. Unguarded.
    Issuer,
    /// What a merchant earned. Unguarded.
    Revenue,
    /// Where expired credits go. Unguarded.
    Lapsed,
    /// How often an unmetered plan was used, by payer. Unguarded.
    Usage,
    /// A payer's money outside: what came from there. Unguarded.
    Outside,
    /// What one customer has used in one window: stands at minus the usage. Guarded.
    Meter,
}

impl AccountKind {
    /// Every kind.
    pub const ALL: [Self; 8] =
        [Self::Holder, Self::Limit, Self::Issuer, Self::Revenue, Self::Lapsed, Self::Usage, Self::Outside, Self::Meter];

    /// The word storage keeps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holder => "holder",
            Self::Limit => "limit",
            Self::Issuer => "issuer",
            Self::Revenue => "revenue",
            Self::Lapsed => "lapsed",
            Self::Usage => "usage",
            Self::Outside => "outside",
            Self::Meter => "meter",
        }
    }
}

/// Which account, said in full, so that it can be opened on first use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSpec {
    /// Computed from the members below, `floor` excepted.
    pub id: AccountId,
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// A payer's address, an authorization's key, or the merchant itself (empty).
    pub owner: Box<str>,
    /// What is counted.
    pub unit: Unit,
    /// What for.
    pub kind: AccountKind,
    /// The least that `posted − held` may be, in the unit's smallest parts; `None` = unguarded: never locked, its
    /// balance is the sum of its transfers.
    pub floor: Option<i64>,
}

impl AccountSpec {
    /// A payer's credits of a plan.
    #[must_use]
    pub fn holder(tenant: Id<Merchant>, plan: Id<Plan>, payer: Address) -> Self {
        Self::new(tenant, payer.to_string(), Unit::Credit(plan), AccountKind::Holder, Some(0))
    }

    /// How often the authorization `key` may still be used, out of `uses`.
    #[must_use]
    pub fn limit(tenant: Id<Merchant>, key: &str, uses: u32) -> Self {
        Self::allowance(tenant, key, Quantity::from_units(uses.into()).unwrap_or(Quantity::MAX))
    }

    /// How much the authorization `key` may still take, out of `most`; whatever it counts.
    #[must_use]
    pub fn allowance(tenant: Id<Merchant>, key: &str, most: Quantity) -> Self {
        Self::new(tenant, key.to_owned(), Unit::Use, AccountKind::Limit, Some(-most.micros()))
    }

    /// The merchant's side of all uses.
    #[must_use]
    pub fn used(tenant: Id<Merchant>) -> Self {
        Self::new(tenant, String::new(), Unit::Use, AccountKind::Usage, None)
    }

    /// Where a plan's credits come from.
    #[must_use]
    pub fn issuer(tenant: Id<Merchant>, plan: Id<Plan>) -> Self {
        Self::new(tenant, String::new(), Unit::Credit(plan), AccountKind::Issuer, None)
    }

    /// What a plan's credits were spent on.
    #[must_use]
    pub fn revenue(tenant: Id<Merchant>, plan: Id<Plan>) -> Self {
        Self::new(tenant, String::new(), Unit::Credit(plan), AccountKind::Revenue, None)
    }

    /// Where a unit's expired lots go.
    #[must_use]
    pub fn lapsed(tenant: Id<Merchant>, unit: Unit) -> Self {
        Self::new(tenant, String::new(), unit, AccountKind::Lapsed, None)
    }

    /// A payer's count of unmetered uses of a plan.
    #[must_use]
    pub fn usage(tenant: Id<Merchant>, plan: Id<Plan>, payer: Address) -> Self {
        Self::new(tenant, format!("{payer}/{plan}"), Unit::Use, AccountKind::Usage, None)
    }

    /// Where a payer's tokens come from: the payer's own account on the chain.
    #[must_use]
    pub fn outside(tenant: Id<Merchant>, token: Unit, payer: Address) -> Self {
        Self::new(tenant, payer.to_string(), token, AccountKind::Outside, None)
    }

    /// What arrived at `pay_to` on a chain.
    #[must_use]
    pub fn takings(tenant: Id<Merchant>, token: Unit, pay_to: Address) -> Self {
        Self::new(tenant, pay_to.to_string(), token, AccountKind::Revenue, None)
    }

    /// A customer's balance of a metered feature. It may go below zero without end: what an operation must leave is said
    /// by the operation ([`super::Operation::keeping`]), because one feature may be counted freely and sold with a limit.
    #[must_use]
    pub fn metered(tenant: Id<Merchant>, feature: Uuid, customer: Uuid) -> Self {
        Self::new(tenant, customer.to_string(), Unit::Metered(feature), AccountKind::Holder, Some(BOTTOM))
    }

    /// What a customer uses of a feature in the window that begins at `start`.
    #[must_use]
    pub fn meter(tenant: Id<Merchant>, feature: Uuid, customer: Uuid, start: Timestamp) -> Self {
        let owner = format!("{customer}/{}", start.micros());
        Self::new(tenant, owner, Unit::Metered(feature), AccountKind::Meter, Some(BOTTOM))
    }

    /// Where units of a feature are granted from.
    #[must_use]
    pub fn granter(tenant: Id<Merchant>, feature: Uuid) -> Self {
        Self::new(tenant, String::new(), Unit::Metered(feature), AccountKind::Issuer, None)
    }

    /// What balances of a feature were spent on.
    #[must_use]
    pub fn consumed(tenant: Id<Merchant>, feature: Uuid) -> Self {
        Self::new(tenant, String::new(), Unit::Metered(feature), AccountKind::Revenue, None)
    }

    /// The other side of all meters of a feature.
    #[must_use]
    pub fn metering(tenant: Id<Merchant>, feature: Uuid) -> Self {
        Self::new(tenant, String::new(), Unit::Metered(feature), AccountKind::Usage, None)
    }

    /// Where events that are not simply added are counted from: one part more than the value of each.
    #[must_use]
    pub fn told(tenant: Id<Merchant>) -> Self {
        Self::new(tenant, "told".to_owned(), Unit::Use, AccountKind::Issuer, None)
    }

    /// Where windows are counted from: one use for each that was opened.
    #[must_use]
    pub fn windows(tenant: Id<Merchant>) -> Self {
        Self::new(tenant, String::new(), Unit::Use, AccountKind::Issuer, None)
    }

    /// Where a customer's card payments come from.
    #[must_use]
    pub fn customer(tenant: Id<Merchant>, money: Unit, customer: &str) -> Self {
        Self::new(tenant, format!("customer:{customer}"), money, AccountKind::Outside, None)
    }

    /// What a card provider has received for the merchant.
    #[must_use]
    pub fn received(tenant: Id<Merchant>, money: Unit, provider: &str) -> Self {
        Self::new(tenant, format!("provider:{provider}"), money, AccountKind::Revenue, None)
    }

    fn new(tenant: Id<Merchant>, owner: String, unit: Unit, kind: AccountKind, floor: Option<i64>) -> Self {
        let mut counted = [0; 28];
        let counted = match unit {
            Unit::Credit(plan) => {
                counted[..16].copy_from_slice(plan.uuid().as_bytes());
                &counted[..16]
            }
            Unit::Metered(feature) => {
                counted[..16].copy_from_slice(feature.as_bytes());
                &counted[..16]
            }
            Unit::Use => &counted[..16],
            Unit::Token { chain, asset } => {
                counted[..8].copy_from_slice(&chain.to_be_bytes());
                counted[8..].copy_from_slice(asset.bytes());
                &counted[..]
            }
            Unit::Money(currency) => {
                counted[..3].copy_from_slice(currency.bytes());
                &counted[..3]
            }
        };
        let id = derive(&[b"account", tenant.uuid().as_bytes(), kind.as_str().as_bytes(), counted, owner.as_bytes()]);
        Self { id: AccountId(id), tenant, owner: owner.into(), unit, kind, floor }
    }
}

/// The floor of accounts that any amount may be taken from: far enough from the end of the range to add to.
const BOTTOM: i64 = i64::MIN / 4;

/// A guarded account as it stands, with its open lots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Which account.
    pub spec: AccountSpec,
    /// Everything posted in, less everything posted out.
    pub posted: i64,
    /// The sum of its outstanding holds.
    pub held: i64,
    /// No outstanding hold ends before this; `None` without holds.
    pub next_expiry: Option<Timestamp>,
    /// Lots with something left or something held, in burn order.
    pub lots: Vec<Lot>,
}

impl Account {
    /// A new, empty account.
    #[must_use]
    pub const fn open(spec: AccountSpec) -> Self {
        Self { spec, posted: 0, held: 0, next_expiry: None, lots: Vec::new() }
    }

    /// What can be spent at `now`: posted, less held, less lots that have expired but not yet lapsed.
    #[must_use]
    pub fn available(&self, now: Timestamp) -> i64 {
        let expired: i64 = self.lots.iter().filter(|lot| lot.is_expired(now)).map(|lot| lot.remaining).sum();
        self.posted.saturating_sub(self.held).saturating_sub(expired)
    }

    /// What was posted beyond what any lot covered: overage that no renewal has written off yet.
    #[must_use]
    pub fn owed(&self) -> i64 {
        let lots: i64 = self.lots.iter().map(|lot| lot.remaining.saturating_add(lot.held)).sum();
        lots.saturating_sub(self.posted).max(0)
    }

    /// How far `available` is above the floor.
    pub(super) fn headroom(&self, now: Timestamp) -> i64 {
        self.available(now).saturating_sub(self.spec.floor.unwrap_or(i64::MIN))
    }
}
