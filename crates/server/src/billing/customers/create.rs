//! `POST /v1/customers`: one customer for each e-mail, for ever.

use farebox_api::NewCustomer;
use farebox_store::{
    OperationKey,
    billing::{Customer, Put, Row},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
        view,
    },
    fields,
};

pub(in crate::billing) async fn create(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let customer = checked(call.body()?)?;
    // Once more if somebody makes the same customer in between: then it is there.
    for _ in 0..2 {
        if let Some(row) = existing(desk, call, &customer.email).await? {
            return desk.remember_if_named(call, Reply::ok(&view::customer(&row)?)?).await;
        }
        let row = Row { value: customer.clone(), revision: 0, created_at: call.at, updated_at: call.at };
        let reply = Reply::with(201, &view::customer(&row)?)?;
        match desk.write(call, vec![Put::new(&row.value, "customer_created")?], &reply).await {
            Err(denial) if denial.code == farebox_api::ProblemCode::Conflict => {}
            done => return done,
        }
    }
    Err(Denial::new(farebox_api::ProblemCode::Conflict, "another customer has this external_id"))
}

/// The customer of an e-mail, made if there is none.
pub(in crate::billing) async fn resolve(
    desk: &Desk,
    call: &Call,
    email: &str,
    name: Option<&str>,
) -> Result<Row<Customer>, Denial> {
    let new = NewCustomer {
        email: email.to_owned(),
        name: name.map(str::to_owned),
        currency: None,
        external_id: None,
        payer: None,
        metadata: None,
    };
    let customer = checked(new)?;
    if let Some(row) = existing(desk, call, &customer.email).await? {
        return Ok(row);
    }
    // Under a name of its own: the caller's key names what the customer is made for.
    let operation = OperationKey { scope: "v1".to_owned(), key: format!("customer:{}", customer.id) };
    let made = desk.write_as(call, operation, vec![Put::new(&customer, "customer_created")?], &Reply::nothing()).await;
    match (made, existing(desk, call, &customer.email).await?) {
        (_, Some(row)) => Ok(row),
        (Err(denial), None) => Err(denial),
        (Ok(_), None) => Err(Denial::not_found("customer")),
    }
}

async fn existing(desk: &Desk, call: &Call, email: &str) -> Result<Option<Row<Customer>>, Denial> {
    desk.named(call.tenant, &Customer::name_of_email(email)).await
}

fn checked(new: NewCustomer) -> Result<Customer, Denial> {
    let metadata = new.metadata.unwrap_or_default();
    fields::metadata(&metadata)?;
    Ok(Customer {
        id: Uuid::now_v7(),
        email: fields::email(&new.email)?,
        name: new.name.map(|name| fields::short("/name", &name)).transpose()?,
        currency: Some(new.currency.map_or_else(|| "USD".to_owned(), |currency| currency.to_string())),
        external_id: new.external_id.map(|id| fields::short("/external_id", &id)).transpose()?,
        payer: new.payer.map(|payer| fields::payer(&payer)).transpose()?,
        metadata: Value::Object(metadata),
    })
}
