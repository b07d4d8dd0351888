//! What is sold.

use farebox_api::{Plan, Product};

use super::filter::OfPlans;
use crate::{
    client::Client,
    listing::Listing,
    operation::{LIST_PLANS, LIST_PRODUCTS},
};

/// Plans.
#[derive(Debug, Clone, Copy)]
pub struct Plans<'a>(pub(super) &'a Client);

/// Products.
#[derive(Debug, Clone, Copy)]
pub struct Products<'a>(pub(super) &'a Client);

impl Plans<'_> {
    /// Lists the newest version of each plan that can be attached.
    pub fn list(self) -> Listing<Plan, OfPlans> {
        Listing::new(self.0, &LIST_PLANS, LIST_PLANS.path(&[]))
    }
}

impl Products<'_> {
    /// Lists products.
    pub fn list(self) -> Listing<Product> {
        Listing::new(self.0, &LIST_PRODUCTS, LIST_PRODUCTS.path(&[]))
    }
}
