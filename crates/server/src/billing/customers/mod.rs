//! Customers.

mod create;
mod fields;
mod get;
mod invoices;
mod ledger;
mod list;
mod update;

pub(super) use create::{create, resolve};
pub(super) use get::get;
pub(super) use invoices::invoices;
pub(super) use ledger::{balances, ledger};
pub(super) use list::list;
pub(super) use update::update;
