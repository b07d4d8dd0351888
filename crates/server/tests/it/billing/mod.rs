//! The billing API: journeys first, then every operation by its document.

mod access;
mod catalogue;
mod checkout;
mod customers;
mod device;
mod document;
mod journey;
mod keys;
mod kinds;
mod metrics;
mod replay;
mod scripted;
pub(crate) mod shop;
mod subscriptions;
mod together;
mod usage;
mod webhooks;
