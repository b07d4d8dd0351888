//! `GET /v1/customers/{id}/invoices`: none are made yet, so there are none.

use farebox_api::{Invoice, InvoiceStatus, List};
use farebox_store::billing::Customer;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
};

pub(in crate::billing) async fn invoices(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    call.page()?;
    let known = |text: &str| serde_json::from_value::<InvoiceStatus>(text.into()).is_ok();
    if call.parameter("status").is_some_and(|status| !known(status)) {
        return Err(Denial::parameter("status", "draft, open, paid, void or uncollectible"));
    }
    desk.find::<Customer>(call, call.id("id", "customer")?, "customer").await?;
    Ok(Reply::ok(&List::<Invoice> { data: Vec::new(), has_more: false, next_cursor: None })?)
}
