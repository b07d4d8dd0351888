//! What waits for somebody, and a tenant's own time.

use farebox_engine::entitlement::stored;
use farebox_types::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::billing::{Entity, Kind};

/// Where a checkout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutState {
    /// Waits for the payment.
    Open,
    /// Paid.
    Completed,
    /// Too late.
    Expired,
}

/// What is to be paid at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// In minor units, above zero.
    pub minor: i64,
    /// ISO 4217.
    pub currency: String,
}

/// A first payment that is waited for. One is open for each customer and plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// Which one.
    pub id: Uuid,
    /// Whose.
    pub customer: Uuid,
    /// What begins when it is paid.
    pub subscription: Uuid,
    /// The plan's version.
    pub plan: Uuid,
    /// Who takes the payment.
    pub provider: String,
    /// What the provider calls it.
    pub provider_reference: Option<String>,
    /// Where the customer pays.
    pub url: String,
    /// Where the customer goes then.
    pub success_url: Option<String>,
    /// Where the customer goes otherwise.
    pub cancel_url: Option<String>,
    /// Where it stands.
    pub state: CheckoutState,
    /// How long the plan may be tried out once it is completed.
    pub trial_days: u32,
    /// Until when it can be paid.
    #[serde(with = "stored::time")]
    pub expires_at: Timestamp,
    /// What is to be paid; nothing yet, if it is tried out first or counted afterwards.
    #[serde(default)]
    pub due: Option<Due>,
    /// The payment that was tried last.
    #[serde(default)]
    pub attempt: Option<Uuid>,
    /// The payment that completed it.
    #[serde(default)]
    pub paid_by: Option<Uuid>,
    /// The method that further periods are taken from: the provider's id.
    #[serde(default)]
    pub method: Option<String>,
}

/// A tenant's own time. While it has a row, all of the tenant's time is its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestClock {
    /// Which one.
    pub id: Uuid,
    /// What time it is.
    #[serde(with = "stored::time")]
    pub frozen_at: Timestamp,
    /// What time it is on its way to; it runs what falls between.
    #[serde(with = "stored::time_or_none")]
    pub advancing_to: Option<Timestamp>,
}

/// Where a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Nobody has said anything yet.
    Pending,
    /// Let in.
    Approved,
    /// Turned away.
    Denied,
    /// Has had its token.
    Used,
}

/// A device that waits to be let in (RFC 8628). Its code is kept as a hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCode {
    /// Which one.
    pub id: Uuid,
    /// SHA-256 of the device code, in hex; unique.
    pub device_hash: String,
    /// What the user types; unique.
    pub user_code: String,
    /// What it asks for, words between spaces.
    pub scopes: String,
    /// Who asks.
    pub client: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Who let it in.
    pub approved_by: Option<String>,
    /// Seconds between two questions.
    pub interval_seconds: u32,
    /// When it last asked.
    #[serde(with = "stored::time_or_none")]
    pub polled_at: Option<Timestamp>,
    /// Until when.
    #[serde(with = "stored::time")]
    pub expires_at: Timestamp,
}

/// A tenant's settings; one row, whose id is the tenant's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The tenant's id.
    pub id: Uuid,
    /// Only known addresses may be returned to.
    pub strict_redirects: bool,
    /// Those.
    pub redirect_domains: Vec<String>,
    /// For how long a subscription that is past due still gives what it gives.
    pub past_due_grace_seconds: u64,
}

impl Settings {
    /// What holds for a tenant that has set nothing: a week of grace, any redirect.
    #[must_use]
    pub const fn unset(id: Uuid) -> Self {
        let past_due_grace_seconds = 7 * 86_400;
        Self { id, strict_redirects: false, redirect_domains: Vec::new(), past_due_grace_seconds }
    }
}

impl Entity for Checkout {
    const KIND: Kind = Kind::Checkout;

    fn id(&self) -> Uuid {
        self.id
    }

    fn names(&self) -> Vec<String> {
        let open = self.state == CheckoutState::Open;
        let name = || format!("open:{}/{}", self.customer, self.plan);
        open.then(name).into_iter().collect()
    }

    fn parent(&self) -> Option<Uuid> {
        Some(self.customer)
    }

    fn due_at(&self) -> Option<Timestamp> {
        (self.state == CheckoutState::Open).then_some(self.expires_at)
    }
}

impl Entity for TestClock {
    const KIND: Kind = Kind::TestClock;

    fn id(&self) -> Uuid {
        self.id
    }

    fn names(&self) -> Vec<String> {
        vec!["one".to_owned()]
    }
}

impl Entity for DeviceCode {
    const KIND: Kind = Kind::DeviceCode;

    fn id(&self) -> Uuid {
        self.id
    }

    fn names(&self) -> Vec<String> {
        vec![format!("device:{}", self.device_hash), format!("user:{}", self.user_code)]
    }
}

impl Entity for Settings {
    const KIND: Kind = Kind::Settings;

    fn id(&self) -> Uuid {
        self.id
    }
}
