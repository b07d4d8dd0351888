//! What is owed.

use farebox_api::{Invoice, Nothing};
use uuid::Uuid;

use crate::{
    call::Call,
    client::Client,
    operation::{GET_INVOICE, PAY_INVOICE, VOID_INVOICE},
};

/// Invoices; a customer's are listed by `customers().invoices(id)`.
#[derive(Debug, Clone, Copy)]
pub struct Invoices<'a>(pub(super) &'a Client);

impl Invoices<'_> {
    /// Reads an invoice.
    pub fn get(self, id: Uuid) -> Call<(), Invoice> {
        Call::new(self.0, &GET_INVOICE, GET_INVOICE.path(&[&id]), ())
    }

    /// Takes an invoice back.
    pub fn void(self, id: Uuid) -> Call<Nothing, Invoice> {
        Call::new(self.0, &VOID_INVOICE, VOID_INVOICE.path(&[&id]), Nothing {})
    }

    /// Collects an open invoice now.
    pub fn pay(self, id: Uuid) -> Call<Nothing, Invoice> {
        Call::new(self.0, &PAY_INVOICE, PAY_INVOICE.path(&[&id]), Nothing {})
    }
}
