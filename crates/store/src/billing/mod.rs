//! Billing: rows that are kept alike, and the use cases that read and write them.

mod ask;
mod change;
mod check;
mod collect;
mod collecting;
mod contract;
mod credit;
mod desk;
mod entity;
mod gather;
mod holdings;
mod reserve;
mod rows;
mod subscribe;
mod tally;
mod time;
mod usage;

pub use ask::{Ask, BillingError, Done};
pub use change::{Begins, ChangePlan};
pub use collect::Attempt;
pub use collecting::{Collected, Collecting};
pub use credit::{GrantCredit, SetOverride};
pub use desk::Billing;
pub use holdings::Holdings;
pub use reserve::Reserve;
pub use subscribe::{Attach, Attached, Awaited, OpenCheckout};
pub use usage::{Insufficient, Recorded, Tell, Told, Use};
/// Names whose row is not there, and the other way round for what must have one.
pub(crate) const NAME_DIFFERENCES: &str = "SELECT 'name ' || n.name || ' of kind ' || n.kind || ' leads to no row' \
     FROM billing_name n LEFT JOIN billing_row r ON r.tenant = n.tenant AND r.kind = n.kind AND r.id = n.id \
     WHERE r.id IS NULL \
     UNION ALL SELECT 'a ' || r.kind || ' has no name' FROM billing_row r \
     LEFT JOIN billing_name n ON n.tenant = r.tenant AND n.kind = r.kind AND n.id = r.id \
     WHERE n.id IS NULL AND r.kind IN ('customer', 'product', 'plan', 'feature', 'metric', 'override', 'device_code')";

pub use contract::{
    AccountsAt, AnsweredBefore, BillingStore, BillingWrite, Committed, Cursor, EventCursor, Holder, Kind, StoredPut,
    StoredRow,
};
pub use entity::{Entity, Put, Row};
pub use rows::{
    AddOn, Checkout, CheckoutState, Credit, Customer, DeviceCode, DeviceState, Due, Feature, Metric, Override, Plan,
    PlanGrant, PlanStatus, Price, Product, Reservation, ReservationState, Settings, Subscription, TestClock, Tier,
    TierMode, UpTo,
};
