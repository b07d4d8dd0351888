//! Subscriptions.

mod attach;
mod cancel;
mod change_plan;
mod entitlements;
mod get;
mod list;
mod turn;

pub(super) use attach::attach;
pub(super) use cancel::cancel;
pub(super) use change_plan::change_plan;
pub(super) use entitlements::entitlements;
pub(super) use get::get;
pub(super) use list::list;
pub(super) use turn::{pause, resume, uncancel};

use farebox_store::{Fault, billing::Subscription};
use farebox_types::Timestamp;

use super::{edge::Reply, view};

/// The answer to what was done to a subscription, as it is stored. A row that cannot be shown is answered as broken.
fn shown(subscription: &Subscription, created_at: Timestamp) -> String {
    let reply: Result<Reply, Fault> = view::subscription(subscription, created_at).and_then(|view| Reply::ok(&view));
    reply.map(|reply| reply.stored()).unwrap_or_default()
}
