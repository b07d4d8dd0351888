//! The whole of `/v1`, in groups. What customers do all day stands on the client itself; the rest is one step away.

mod access;
mod admin;
mod catalogue;
mod customers;
mod filter;
mod grants;
mod invoices;
mod subscriptions;
mod usage;

pub use access::{ApiTokens, AuditEvents, TestClocks};
pub use admin::{Admin, Shelf};
pub use catalogue::{Plans, Products};
pub use customers::{Customers, NewPortalSession, PortalSession};
pub use filter::{OfCustomers, OfInvoices, OfPlans};
pub use grants::{Credits, Overrides, Reservations};
pub use invoices::Invoices;
pub use subscriptions::{Buyer, Subscriptions};
pub use usage::Holder;

use crate::client::Client;

impl Client {
    /// Customers, and what is theirs.
    #[must_use]
    pub const fn customers(&self) -> Customers<'_> {
        Customers(self)
    }

    /// Subscriptions; [`attach`](Self::attach) begins one.
    #[must_use]
    pub const fn subscriptions(&self) -> Subscriptions<'_> {
        Subscriptions(self)
    }

    /// What is sold.
    #[must_use]
    pub const fn plans(&self) -> Plans<'_> {
        Plans(self)
    }

    /// What plans belong to.
    #[must_use]
    pub const fn products(&self) -> Products<'_> {
        Products(self)
    }

    /// What is owed.
    #[must_use]
    pub const fn invoices(&self) -> Invoices<'_> {
        Invoices(self)
    }

    /// Amounts that are held until their use is known.
    #[must_use]
    pub const fn reservations(&self) -> Reservations<'_> {
        Reservations(self)
    }

    /// What customers are given beside their plans.
    #[must_use]
    pub const fn credits(&self) -> Credits<'_> {
        Credits(self)
    }

    /// What customers have in their plans' place.
    #[must_use]
    pub const fn overrides(&self) -> Overrides<'_> {
        Overrides(self)
    }

    /// Features, plans, products and metrics, as the configuration file has them.
    #[must_use]
    pub const fn admin(&self) -> Admin<'_> {
        Admin(self)
    }

    /// Tokens.
    #[must_use]
    pub const fn api_tokens(&self) -> ApiTokens<'_> {
        ApiTokens(self)
    }

    /// Who did what.
    #[must_use]
    pub const fn audit_events(&self) -> AuditEvents<'_> {
        AuditEvents(self)
    }

    /// The merchant's time, in test mode.
    #[must_use]
    pub const fn test_clocks(&self) -> TestClocks<'_> {
        TestClocks(self)
    }
}
