//! Members that several of these verbs read, and the write they share.

use farebox_api::ProblemCode;
use farebox_engine::delivery::{BadFilter, Filter};
use farebox_store::{Change, Record, Recorded, WebhookEndpoint};
use uuid::Uuid;

use super::super::{
    desk::{Desk, conflict},
    edge::{Call, Denial, Reply},
};
use crate::delivery::checked;

const LONGEST_DESCRIPTION: usize = 200;

/// A URL that events may be posted to.
pub(super) fn url(desk: &Desk, call: &Call, url: String) -> Result<String, Denial> {
    let reach = desk.backend.webhook_targets().reach(call.mode);
    match checked(&url, reach) {
        Ok(_) => Ok(url),
        Err(bad) => Err(Denial::member("/url", bad.to_string())),
    }
}

/// Event types as they are stored.
pub(super) fn events(words: &[String]) -> Result<String, Denial> {
    match Filter::of(words.iter().map(String::as_str)) {
        Ok(filter) => Ok(filter.words().collect::<Vec<_>>().join(" ")),
        Err(bad @ BadFilter::Number) => Err(Denial::member("/events", bad.to_string())),
        Err(bad @ BadFilter::Word(at)) => Err(Denial::member(&format!("/events/{at}"), bad.to_string())),
    }
}

pub(super) fn description(text: String) -> Result<String, Denial> {
    if text.chars().count() > LONGEST_DESCRIPTION || text.chars().any(char::is_control) {
        return Err(Denial::member("/description", "must have at most 200 visible characters"));
    }
    Ok(text)
}

/// An endpoint of the caller's tenant.
pub(super) async fn endpoint(desk: &Desk, call: &Call) -> Result<WebhookEndpoint, Denial> {
    let id: Uuid = call.id("id", "webhook endpoint")?;
    let row = desk.store().webhook_endpoint(call.tenant, id).await?;
    row.ok_or_else(|| Denial::not_found("webhook endpoint"))
}

/// Writes a change once under the caller's key; `shown` is what the first caller is told and `kept` what a repeat is.
pub(super) async fn write(
    desk: &Desk,
    call: &Call,
    change: Change,
    (shown, kept): (Reply, &Reply),
) -> Result<Reply, Denial> {
    let record = Record {
        tenant: call.tenant,
        operation: call.name(),
        request_hash: call.hash(),
        changes: vec![change],
        answer: kept.stored(),
        actor: call.actor.clone(),
        at: call.at,
    };
    match desk.store().record(record).await? {
        Recorded::Fresh => Ok(shown),
        Recorded::Replayed(answer) => Ok(Reply::recalled(&answer, true)?),
        Recorded::Conflict => Err(conflict()),
        Recorded::Taken => {
            Err(Denial::new(ProblemCode::Conflict, "somebody else changed it at the same time: read it again"))
        }
    }
}
