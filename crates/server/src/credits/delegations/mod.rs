//! Delegations: a payer's standing permission to spend, with limits.

mod create;
mod limits;
mod list;
mod methods;

pub(crate) use create::{DelegationRequest, create, open};
pub(crate) use limits::{account_of, counts_money, left, limits_of};
pub(crate) use list::list;
pub(crate) use methods::methods;
