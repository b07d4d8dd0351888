//! `POST /v1/consume`: checks and takes in one; all of it, or nothing.

use farebox_api::Consume;
use farebox_engine::entitlement::Properties;
use farebox_store::billing::Use;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    positive, teller,
    track::of_request,
};

/// What is taken is answered from its event, a refusal under a key from its record: a repeat is answered alike.
pub(in crate::billing) async fn consume(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: Consume = call.body()?;
    let one = Use {
        customer: body.customer_id,
        feature_code: body.feature_code.to_string(),
        value: positive("/value", body.value)?,
        back: false,
        properties: Properties::new(),
        key: of_request(&call.name().key),
        occurred_at: None,
    };
    if call.key.is_some()
        && let Some(refused) = desk.answered(call).await?
    {
        return Ok(refused);
    }
    let told = desk.billing.consume(call.tenant, &one, (&call.actor, &teller(one.customer))).await?;
    let reply = Reply { status: 200, body: told.words, replayed: told.replayed };
    if told.taken { Ok(reply) } else { desk.remember_if_named(call, reply).await }
}
