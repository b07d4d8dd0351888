//! Paying with credits: a token is minted, verified, settled, or its hold released.

mod agent;
mod binding;
mod call;
mod charge;
mod facilitator;
mod permissions;
mod present;
mod release;
mod settle;
mod verify;

pub(crate) use call::request_id;
pub(crate) use permissions::permissions;
pub(crate) use release::release;
pub(crate) use settle::settle;
pub(crate) use verify::verify;
