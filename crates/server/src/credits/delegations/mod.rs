//! Delegations: a payer's standing permission to spend, with limits.

mod create;
mod list;

pub(crate) use create::{DelegationRequest, create, open};
pub(crate) use list::{limit_of, list, uses_left};
