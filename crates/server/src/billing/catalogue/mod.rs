//! What is sold, to read.

mod features;
mod metrics;
mod plans;
mod products;

pub(super) use features::features;
pub(super) use metrics::metrics;
pub(super) use plans::{all_plans, plans};
pub(super) use products::products;
