//! Customers, and what is theirs.

use farebox_api::{
    Balance, Currency, Customer, CustomerPatch, Invoice, LedgerEntry, Metadata, NewCustomer, Subscription, Time,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::filter::{OfCustomers, OfInvoices};
use crate::{
    call::Call,
    client::Client,
    listing::Listing,
    operation::{
        CREATE_CUSTOMER, CREATE_PORTAL, GET_CUSTOMER, LIST_BALANCES, LIST_CUSTOMERS, LIST_INVOICES, LIST_LEDGER,
        LIST_SUBSCRIPTIONS, Operation, UPDATE_CUSTOMER,
    },
    watch::About,
};

/// Customers, and what is theirs.
#[derive(Debug, Clone, Copy)]
pub struct Customers<'a>(pub(super) &'a Client);

/// `POST /v1/customers/{id}/billing-portal-sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPortalSession {
    /// Where the portal leads back to.
    pub return_url: String,
}

/// A way into the portal. No `Debug`: whoever has the address is the customer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortalSession {
    /// For one use.
    pub url: String,
    /// When it is too late for it.
    pub expires_at: Time,
}

fn about(id: Uuid) -> About {
    About { customer: Some(id), ..About::default() }
}

impl Customers<'_> {
    /// Creates a customer; the same e-mail again is the same customer.
    ///
    /// ```no_run
    /// # async fn create(client: farebox_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let customer = client.customers().create("ann@example.com").name("Ann").currency("EUR".parse()?).await?;
    /// println!("{}", customer.id);
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(self, email: impl Into<String>) -> Call<NewCustomer, Customer> {
        let email = email.into();
        let body = NewCustomer { email, name: None, currency: None, external_id: None, payer: None, metadata: None };
        Call::new(self.0, &CREATE_CUSTOMER, CREATE_CUSTOMER.path(&[]), body)
    }

    /// Lists customers.
    pub fn list(self) -> Listing<Customer, OfCustomers> {
        Listing::new(self.0, &LIST_CUSTOMERS, LIST_CUSTOMERS.path(&[]))
    }

    /// Reads a customer.
    pub fn get(self, id: Uuid) -> Call<(), Customer> {
        Call::new(self.0, &GET_CUSTOMER, GET_CUSTOMER.path(&[&id]), ()).about(about(id))
    }

    /// Changes what is said; everything else stays.
    pub fn update(self, id: Uuid) -> Call<CustomerPatch, Customer> {
        let body = CustomerPatch::default();
        Call::new(self.0, &UPDATE_CUSTOMER, UPDATE_CUSTOMER.path(&[&id]), body).about(about(id))
    }

    /// Lists a customer's subscriptions.
    pub fn subscriptions(self, id: Uuid) -> Listing<Subscription> {
        Listing::new(self.0, &LIST_SUBSCRIPTIONS, LIST_SUBSCRIPTIONS.path(&[&id])).about(about(id))
    }

    /// Lists a customer's invoices.
    pub fn invoices(self, id: Uuid) -> Listing<Invoice, OfInvoices> {
        Listing::new(self.0, &LIST_INVOICES, LIST_INVOICES.path(&[&id])).about(about(id))
    }

    /// Lists what a customer has left of each counted feature.
    pub fn balances(self, id: Uuid) -> Listing<Balance> {
        self.of(&LIST_BALANCES, id)
    }

    /// Lists what a customer has used.
    pub fn ledger(self, id: Uuid) -> Listing<LedgerEntry> {
        self.of(&LIST_LEDGER, id)
    }

    /// A way into the portal, for one use.
    pub fn billing_portal(self, id: Uuid, return_url: impl Into<String>) -> Call<NewPortalSession, PortalSession> {
        let body = NewPortalSession { return_url: return_url.into() };
        Call::new(self.0, &CREATE_PORTAL, CREATE_PORTAL.path(&[&id]), body).about(about(id))
    }

    fn of<T>(self, operation: &'static Operation, id: Uuid) -> Listing<T> {
        Listing::new(self.0, operation, operation.path(&[&id])).about(about(id))
    }
}

impl Call<NewCustomer, Customer> {
    /// For people.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.body.name = Some(name.into());
        self
    }

    /// What it is billed in; USD unless said.
    pub fn currency(mut self, currency: Currency) -> Self {
        self.body.currency = Some(currency);
        self
    }

    /// What the merchant's own records call it; unique.
    pub fn external_id(mut self, id: impl Into<String>) -> Self {
        self.body.external_id = Some(id.into());
        self
    }

    /// The account on the credits API, `0x…`.
    pub fn payer(mut self, address: impl Into<String>) -> Self {
        self.body.payer = Some(address.into());
        self
    }

    /// The merchant's own.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.body.metadata = Some(metadata);
        self
    }
}

impl Call<CustomerPatch, Customer> {
    /// Another e-mail.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.body.email = Some(email.into());
        self
    }

    /// Another name; `None` takes it away.
    pub fn name(mut self, name: Option<String>) -> Self {
        self.body.name = Some(name);
        self
    }

    /// Another currency.
    pub fn currency(mut self, currency: Currency) -> Self {
        self.body.currency = Some(currency);
        self
    }

    /// Another name in the merchant's own records; `None` takes it away.
    pub fn external_id(mut self, id: Option<String>) -> Self {
        self.body.external_id = Some(id);
        self
    }

    /// Another account on the credits API; `None` takes it away.
    pub fn payer(mut self, address: Option<String>) -> Self {
        self.body.payer = Some(address);
        self
    }

    /// In place of what was there.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.body.metadata = Some(metadata);
        self
    }
}
