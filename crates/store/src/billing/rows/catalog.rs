//! What is sold.

use farebox_engine::{
    entitlement::{Counting, FeatureKind, Terms},
    subscription::Interval,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::billing::{Entity, Kind};

/// What plans belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Which one.
    pub id: Uuid,
    /// Unique.
    pub code: String,
    /// For people.
    pub name: String,
    /// No longer sold.
    pub archived: bool,
}

/// What plans give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Which one.
    pub id: Uuid,
    /// Unique; never changes.
    pub code: String,
    /// For people.
    pub name: String,
    /// What kind of value it has.
    pub kind: FeatureKind,
    /// What is counted, for people.
    pub unit: Option<String>,
    /// How usage is counted: a metric's code.
    pub metric: Option<String>,
    /// Its balance is the credits of this plan of the credits API, which a gate spends too; customers need a payer.
    pub credits_plan: Option<Uuid>,
    /// No longer given.
    pub archived: bool,
}

/// How usage is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// Which one.
    pub id: Uuid,
    /// Unique.
    pub code: String,
    /// For people.
    pub name: String,
    /// How its events are counted.
    #[serde(flatten)]
    pub counting: Counting,
    /// No longer used.
    pub archived: bool,
}

/// Where a plan's version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// Not sold yet.
    Draft,
    /// Sold.
    Active,
    /// No longer sold.
    Archived,
}

/// The upper end of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpTo {
    /// So many units, this one included.
    Units(u64),
    /// No end.
    Infinite,
}

/// A step of a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// For the tier as a whole, in minor units.
    pub flat_amount: Option<i64>,
    /// For each unit, in minor units.
    pub unit_amount: Option<i64>,
    /// For each unit, where minor units are too coarse: a decimal number of them.
    pub unit_amount_decimal: Option<String>,
    /// Where it ends.
    pub up_to: UpTo,
}

/// How tiers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TierMode {
    /// Each unit at its own tier.
    Graduated,
    /// All units at the tier of their number.
    Volume,
    /// By the started package.
    Package,
}

/// What a plan costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Which one.
    pub id: Uuid,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// For how long.
    pub interval: Interval,
    /// How tiers are read.
    pub tier_mode: Option<TierMode>,
    /// Steps.
    pub tiers: Vec<Tier>,
    /// What usage it is for: a feature's code.
    pub feature: Option<String>,
}

/// What a plan gives of one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanGrant {
    /// The feature.
    pub feature: Uuid,
    /// Its code.
    pub feature_code: String,
    /// What of it.
    pub terms: Terms,
}

/// One version of a plan. What a subscription refers to never changes: a new version is a row of its own, under a new id,
/// and takes the code over; the old row gives it up by having `newest` false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which version of which plan.
    pub id: Uuid,
    /// Names the newest version.
    pub code: String,
    /// For people.
    pub name: String,
    /// A product's id.
    pub product: Option<Uuid>,
    /// From 1.
    pub version: u32,
    /// Whether the code names it.
    pub newest: bool,
    /// Where it stands.
    pub status: PlanStatus,
    /// How long it may be tried out.
    pub trial_days: u32,
    /// A trial needs no card.
    pub trial_without_card: bool,
    /// What it costs; none, or all zero: nothing.
    pub prices: Vec<Price>,
    /// What it gives.
    pub grants: Vec<PlanGrant>,
    /// Codes of what it allows besides.
    pub privileges: Vec<String>,
}

impl Plan {
    /// Whether there is nothing to pay for a period.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.prices.iter().all(|price| price.amount == 0 && price.tiers.is_empty())
    }

    /// Whether a period costs something whatever is used.
    #[must_use]
    pub fn has_flat_price(&self) -> bool {
        self.prices.iter().any(|price| price.feature.is_none() && price.amount > 0)
    }

    /// How long a period is: that of its first price, a month without one.
    #[must_use]
    pub fn interval(&self) -> Interval {
        let own = self.prices.iter().find(|price| price.feature.is_none()).or(self.prices.first());
        own.map_or(Interval::MONTH, |price| price.interval)
    }
}

impl Entity for Product {
    const KIND: Kind = Kind::Product;

    fn id(&self) -> Uuid {
        self.id
    }

    fn names(&self) -> Vec<String> {
        vec![format!("code:{}", self.code)]
    }
}

impl Feature {
    /// The name that a feature of this code has.
    pub(crate) fn name_of(code: &str) -> String {
        format!("code:{code}")
    }
}

impl Entity for Feature {
    const KIND: Kind = Kind::Feature;

    fn id(&self) -> Uuid {
        self.id
    }

    fn names(&self) -> Vec<String> {
        vec![Self::name_of(&self.code)]
    }
}

impl Entity for Metric {
    const KIND: Kind = Kind::Metric;

    fn id(&self) -> Uuid {
        self.id
    }

    fn names(&self) -> Vec<String> {
        vec![format!("code:{}", self.code)]
    }
}

impl Entity for Plan {
    const KIND: Kind = Kind::Plan;

    fn id(&self) -> Uuid {
        self.id
    }

    fn names(&self) -> Vec<String> {
        let version = format!("version:{}@{}", self.code, self.version);
        if self.newest { vec![format!("code:{}", self.code), version] } else { vec![version] }
    }

    fn parent(&self) -> Option<Uuid> {
        self.product
    }
}
