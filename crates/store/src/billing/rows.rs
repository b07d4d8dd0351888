//! What each kind of row holds.

mod catalog;
mod customers;
mod waiting;

pub use catalog::{Feature, Metric, Plan, PlanGrant, PlanStatus, Price, Product, Tier, TierMode, UpTo};
pub use customers::{AddOn, Credit, Customer, Override, Reservation, ReservationState, Subscription};
pub use waiting::{Checkout, CheckoutState, DeviceCode, DeviceState, Due, Settings, TestClock};
