//! The credits backend: plans, orders, access tokens, and the payments made with them. See the README beside this file.

pub(crate) mod agents;
pub(crate) mod delegations;
mod number;
pub(crate) mod plans;
pub(crate) mod requests;
mod shape;
mod write;
pub(crate) mod x402;

pub(crate) use agents::AgentFacts;
pub(crate) use shape::rfc3339;
