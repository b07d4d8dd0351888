//! Webhooks to the merchant: where to, and what became of them.

mod create;
mod deliveries;
mod fields;
mod read;
mod remove;
mod replay;
mod rotate;
mod update;

pub(super) use create::create;
pub(super) use deliveries::{deliveries, delivery};
pub(super) use read::{get, list};
pub(super) use remove::remove;
pub(super) use replay::replay;
pub(super) use rotate::rotate;
pub(super) use update::update;
