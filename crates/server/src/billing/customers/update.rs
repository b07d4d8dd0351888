//! `PATCH /v1/customers/{id}`.

use farebox_api::CustomerPatch;
use farebox_store::billing::{Customer, Put, Row};
use serde_json::Value;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
        view,
    },
    fields,
};

pub(in crate::billing) async fn update(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let patch: CustomerPatch = call.body()?;
    let row = desk.find::<Customer>(call, call.id("id", "customer")?, "customer").await?;
    let value = patched(&row.value, patch)?;
    let row = Row { updated_at: desk.now(call.tenant).await?, ..row.with(value) };
    let reply = Reply::ok(&view::customer(&row)?)?;
    desk.write(call, vec![Put::update(&row, "customer_updated")?], &reply).await
}

fn patched(customer: &Customer, patch: CustomerPatch) -> Result<Customer, Denial> {
    let mut customer = customer.clone();
    if let Some(email) = patch.email {
        customer.email = fields::email(&email)?;
    }
    if let Some(name) = patch.name {
        customer.name = name.map(|name| fields::short("/name", &name)).transpose()?;
    }
    if let Some(currency) = patch.currency {
        customer.currency = Some(currency.to_string());
    }
    if let Some(id) = patch.external_id {
        customer.external_id = id.map(|id| fields::short("/external_id", &id)).transpose()?;
    }
    if let Some(payer) = patch.payer {
        customer.payer = payer.map(|payer| fields::payer(&payer)).transpose()?;
    }
    if let Some(metadata) = patch.metadata {
        fields::metadata(&metadata)?;
        customer.metadata = Value::Object(metadata);
    }
    Ok(customer)
}
