//! One function a route: what goes upstream for it.

mod catalogue;
mod subscription;
mod usage;

pub(crate) use catalogue::{billing_portal, invoices, me, plans};
pub(crate) use subscription::{attach, cancel, entitlements, upgrade};
pub(crate) use usage::{check, check_get, track};
