//! The words every floor of Farebox shares: ids, quantities, time, keys, secrets.
//!
//! No I/O, no async, no JSON: a crate that only needs to name a [`Quantity`] or an [`Id`] pays for nothing else.

mod address;
mod atomic;
mod id;
mod key;
mod mode;
mod money;
mod nesting;
mod quantity;
mod secret;
mod time;

pub use address::{Address, BadAddress};
pub use atomic::{AtomicAmount, BadAtomicAmount};
pub use id::{
    Agent, ApiKey, ApiToken, BadId, Delegation, Id, Kind, Lot, Merchant, Payment, Plan, PublicId, Refund, Resource,
};
pub use key::{BadIdempotencyKey, IdempotencyKey};
pub use mode::{BadMode, Mode};
pub use money::{BadCurrency, BadMoney, Currency, Money};
pub use nesting::is_shallow;
pub use quantity::{BadQuantity, Quantity};
pub use secret::Secret;
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
