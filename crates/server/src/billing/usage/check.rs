//! `POST /v1/check`: reads only.

use farebox_api::CheckRequest;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
        view,
    },
    customer,
};

pub(in crate::billing) async fn check(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: CheckRequest = call.body()?;
    let required = body.required_usage.quantity();
    let required = required.ok_or_else(|| Denial::member("/required_usage", "must not be negative"))?;
    let customer = customer(desk, call, body.customer_id, body.subscription_id).await?;
    let answer = desk.billing.check(call.tenant, customer, body.feature_code.as_str(), required).await?;
    Ok(Reply::ok(&view::check(customer, &answer)?)?)
}
