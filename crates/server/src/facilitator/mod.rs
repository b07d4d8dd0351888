//! The facilitator: payments on chains, verified and settled. Its README says what it promises.

mod answer;
mod config;
mod desk;
mod discovery;
mod evidence;
mod facilitating;
mod http;
mod keys;
mod lane;
mod limits;
mod moving;
mod rail;
mod resume;
mod round;
mod sender;
mod settle;
mod supported;
mod trouble;
mod verify;
mod watch;

use std::time::Duration;

use farebox_engine::ledger::Actor;

pub use config::{BadChain, ChainOptions};
pub use facilitating::{Facilitating, Readiness};
pub use http::{FacilitatorOptions, router};
pub use keys::KeyPolicy;
pub use limits::RateLimit;
pub(crate) use limits::{Caller as RateCaller, Windows};
pub use settle::{CallerName, SettleFailure, Settled};
pub use trouble::Trouble;

/// How long a process has the slots that it drives to itself.
const LEASE: Duration = Duration::from_secs(15);

/// Who settles, in the audit trail.
fn actor() -> Actor {
    Actor::new("facilitator")
}
