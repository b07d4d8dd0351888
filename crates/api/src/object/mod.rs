//! What answers are made of.

mod access;
mod catalogue;
mod check;
mod credit;
mod customer;
mod invoice;
mod settings;
mod subscription;
mod union;
mod webhook;

pub use access::{
    ApiToken, AuditEvent, DeviceAuthorization, NewApiToken, OauthError, OauthErrorCode, OauthToken, TestClock,
    TestClockStatus,
};
pub use catalogue::{
    Changed, Feature, FeatureKind, Interval, Metric, Plan, PlanFeature, PlanStatus, Price, Product, Tier, TierMode,
    UsageCycle,
};
pub use check::{Check, CheckValue, Entitlement, Entitlements, Privilege, Reason, Source};
pub use credit::{Balance, Credit, LedgerEntry, LedgerKind, Override, Reservation, ReservationState};
pub use customer::Customer;
pub use invoice::{Invoice, InvoiceLine, InvoiceStatus};
pub use settings::Settings;
pub use subscription::{AddOn, Attached, PendingChange, Subscription, SubscriptionStatus};
pub use union::{GrantValue, Overage, UpTo};
pub use webhook::{
    Checkout, CheckoutStatus, CreatedWebhookEndpoint, WebhookDelivery, WebhookDeliveryStatus, WebhookDisabledReason,
    WebhookEndpoint,
};

/// Free-form members.
pub type Metadata = serde_json::Map<String, serde_json::Value>;
