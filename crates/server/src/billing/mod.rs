//! The billing API under `/v1`: customers, plans, entitlements, usage. One file for each verb; `table.rs` lists them all.

mod access;
mod admin;
mod catalogue;
mod checkout;
mod clocks;
mod customers;
mod desk;
mod edge;
mod grants;
mod oauth;
mod openapi;
mod operation;
mod pages;
mod redirect;
mod router;
mod subscriptions;
mod table;
pub(crate) mod told;
mod usage;
mod view;
mod webhooks;

pub use admin::check_config;
pub use desk::{BillingSettings, PageScript, RedirectPolicy};
pub use openapi::config_schema;
pub use router::router;
