//! Who is billed, and what each has.

use farebox_engine::{
    entitlement::{Terms, stored},
    subscription::{Status, Term},
};
use farebox_types::{Address, Quantity, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::billing::{Entity, Kind};

/// Who is billed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Which one.
    pub id: Uuid,
    /// Unique, whatever the case of its letters.
    pub email: String,
    /// For people.
    pub name: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// The merchant's own id; unique.
    pub external_id: Option<String>,
    /// Whose credits are the customer's, in the credits API: `0x` and 40 hex digits.
    pub payer: Option<String>,
    /// The merchant's own.
    pub metadata: serde_json::Value,
}

impl Customer {
    /// The name under which the customer of an address is found.
    #[must_use]
    pub fn name_of_email(email: &str) -> String {
        format!("email:{}", email.trim().to_lowercase())
    }

    /// Whose credits are the customer's.
    #[must_use]
    pub fn payer(&self) -> Option<Address> {
        self.payer.as_deref()?.parse().ok()
    }
}

/// Something added to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddOn {
    /// A plan's version, which gives it.
    pub plan: Uuid,
    /// How often, from 1.
    pub quantity: u32,
}

/// A customer's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Which one.
    pub id: Uuid,
    /// Whose.
    pub customer: Uuid,
    /// The version of the plan.
    pub plan: Uuid,
    /// The plan's code.
    pub plan_code: String,
    /// The plan's product.
    pub product: Option<Uuid>,
    /// Where it stands, and when.
    pub term: Term,
    /// How often its plan has been changed.
    pub generation: u32,
    /// Since when it is on this plan.
    #[serde(with = "stored::time")]
    pub plan_since: Timestamp,
    /// Added to it.
    pub add_ons: Vec<AddOn>,
    /// Why it was ended.
    pub cancel_reason: Option<String>,
    /// What was said then.
    pub cancel_feedback: Option<String>,
    /// What the payment provider calls it.
    pub provider_reference: Option<String>,
}

/// An exception for one customer: it takes the place of what plans give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Which one.
    pub id: Uuid,
    /// For whom.
    pub customer: Uuid,
    /// Of what; one for each customer and feature.
    pub feature: Uuid,
    /// What is given.
    pub terms: Terms,
    /// Since when.
    #[serde(with = "stored::time")]
    pub since: Timestamp,
    /// Until when.
    #[serde(with = "stored::time_or_none")]
    pub expires_at: Option<Timestamp>,
    /// How often it has been changed: its windows are named by it.
    pub generation: u32,
}

/// Credits of a customer's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Which one; the lot has an id of its own.
    pub id: Uuid,
    /// Whose.
    pub customer: Uuid,
    /// Of what.
    pub feature: Uuid,
    /// How much.
    #[serde(with = "stored::quantity")]
    pub amount: Quantity,
    /// Lower burns first, from 0.
    pub priority: i16,
    /// Until when.
    #[serde(with = "stored::time_or_none")]
    pub expires_at: Option<Timestamp>,
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// Held.
    Held,
    /// Used.
    Committed,
    /// Given back.
    Released,
    /// Its time ran out.
    Expired,
}

impl ReservationState {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Committed => "committed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

/// Units that are held for a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Which one.
    pub id: Uuid,
    /// Whose.
    pub customer: Uuid,
    /// Of what.
    pub feature: Uuid,
    /// Its code.
    pub feature_code: String,
    /// How much.
    #[serde(with = "stored::quantity")]
    pub amount: Quantity,
    /// The window it was taken in, and is counted in.
    #[serde(with = "stored::time")]
    pub window_start: Timestamp,
    /// The least the balance had to stand at; none: anything.
    pub least: Option<i64>,
    /// Taken from a balance; else only counted.
    pub from_balance: bool,
    /// When it runs out.
    #[serde(with = "stored::time")]
    pub expires_at: Timestamp,
    /// Where it stands; one that has run out may still say held.
    pub state: ReservationState,
    /// What was used in the end.
    #[serde(with = "stored::quantity_or_none")]
    pub committed: Option<Quantity>,
    /// It was used after it had run out.
    pub late_commit: bool,
}

impl Entity for Customer {
    const KIND: Kind = Kind::Customer;

    fn id(&self) -> Uuid {
        self.id
    }

    fn names(&self) -> Vec<String> {
        let external = self.external_id.iter().map(|id| format!("external:{id}"));
        std::iter::once(Self::name_of_email(&self.email)).chain(external).collect()
    }
}

impl Entity for Subscription {
    const KIND: Kind = Kind::Subscription;

    fn id(&self) -> Uuid {
        self.id
    }

    /// A customer is on a plan once.
    fn names(&self) -> Vec<String> {
        let on = matches!(self.term.status, Status::Trialing | Status::Active | Status::Paused);
        if on { vec![format!("on:{}/{}", self.customer, self.plan)] } else { Vec::new() }
    }

    fn parent(&self) -> Option<Uuid> {
        Some(self.customer)
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.term.due_at()
    }
}

impl Entity for Override {
    const KIND: Kind = Kind::Override;

    fn id(&self) -> Uuid {
        self.id
    }

    fn names(&self) -> Vec<String> {
        vec![format!("of:{}/{}", self.customer, self.feature)]
    }

    fn parent(&self) -> Option<Uuid> {
        Some(self.customer)
    }
}

impl Entity for Credit {
    const KIND: Kind = Kind::Credit;

    fn id(&self) -> Uuid {
        self.id
    }

    fn parent(&self) -> Option<Uuid> {
        Some(self.customer)
    }
}

impl Entity for Reservation {
    const KIND: Kind = Kind::Reservation;

    fn id(&self) -> Uuid {
        self.id
    }

    fn parent(&self) -> Option<Uuid> {
        Some(self.customer)
    }
}
