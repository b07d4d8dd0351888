//! One-off payments through a card provider.

mod amount;
mod ask;
mod caller;
mod create;
mod drive;
mod join;
mod look;
mod own;
mod read;
mod reconcile;
mod resume;
mod routes;
mod service;
mod told;
mod view;
mod within;
mod work;

pub(crate) use self::{
    own::Draft,
    service::{our_id, read_our_id},
    told::told,
};
pub use self::{
    reconcile::{PaymentDifference, reconcile},
    routes::routes,
    service::{PaymentLimits, Payments},
    work::{run, step},
};
