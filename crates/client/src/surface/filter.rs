//! What lists can be narrowed down by.

use farebox_api::{Customer, Invoice, InvoiceStatus, Plan, PlanStatus};
use serde::Serialize;
use uuid::Uuid;

use crate::listing::{Filter, Listing};

/// Of customers.
#[derive(Debug, Clone, Default)]
pub struct OfCustomers {
    email: Option<String>,
}

/// Of a customer's invoices.
#[derive(Debug, Clone, Default)]
pub struct OfInvoices {
    status: Option<InvoiceStatus>,
}

/// Of plans.
#[derive(Debug, Clone, Default)]
pub struct OfPlans {
    product_id: Option<Uuid>,
    status: Option<PlanStatus>,
}

impl Filter for OfCustomers {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        self.email.clone().map(|email| ("email", email)).into_iter().collect()
    }
}

impl Filter for OfInvoices {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        self.status.and_then(|status| Some(("status", word(&status)?))).into_iter().collect()
    }
}

impl Filter for OfPlans {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let product = self.product_id.map(|id| ("product_id", id.to_string()));
        let status = self.status.and_then(|status| Some(("status", word(&status)?)));
        product.into_iter().chain(status).collect()
    }
}

/// As it is on the wire.
fn word<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

impl Listing<Customer, OfCustomers> {
    /// Only the one with this e-mail.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.filter.email = Some(email.into());
        self
    }
}

impl Listing<Invoice, OfInvoices> {
    /// Only those in this state.
    pub const fn status(mut self, status: InvoiceStatus) -> Self {
        self.filter.status = Some(status);
        self
    }
}

impl Listing<Plan, OfPlans> {
    /// Only those of this product.
    pub const fn product(mut self, id: Uuid) -> Self {
        self.filter.product_id = Some(id);
        self
    }

    /// Only those in this state; those that can be attached unless said.
    pub const fn status(mut self, status: PlanStatus) -> Self {
        self.filter.status = Some(status);
        self
    }
}
