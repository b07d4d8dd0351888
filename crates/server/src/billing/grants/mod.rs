//! Credits, overrides and reservations.

mod credit;
mod reservation;
mod set_override;

pub(super) use credit::credit;
pub(super) use reservation::{commit, release, reserve};
pub(super) use set_override::set_override;
