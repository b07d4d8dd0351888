//! `POST /v1/consume`: checks and takes in one; all of it, or nothing.

use farebox_api::Consume;
use farebox_store::billing::Use;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
        view,
    },
    positive,
};

pub(in crate::billing) async fn consume(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: Consume = call.body()?;
    let one = Use {
        customer: body.customer_id,
        feature_code: body.feature_code.to_string(),
        value: positive("/value", body.value)?,
        key: call.name().key,
        occurred_at: None,
    };
    let consumed = desk.billing.consume(call.tenant, &one, &call.actor).await?;
    let reply = Reply::ok(&view::check(one.customer, &consumed.answer)?)?;
    Ok(Reply { replayed: consumed.replayed, ..reply })
}
