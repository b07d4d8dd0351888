//! `DELETE /v1/api-tokens/{id}`: this server follows at once, others within seconds. Repeating it is harmless.

use farebox_store::{Change, Record, Recorded};
use farebox_types::{Id, PublicId};

use super::super::{
    desk::{Desk, conflict},
    edge::{Call, Denial, Reply},
};

pub(in crate::billing) async fn revoke_token(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let id = Id::from_uuid(call.id("id", "token")?);
    if desk.store().api_token(call.tenant, id).await?.is_none() {
        return Err(Denial::not_found("token"));
    }
    let record = Record {
        tenant: call.tenant,
        operation: call.name(),
        request_hash: call.hash(),
        changes: vec![Change::RevokeApiToken(id)],
        answer: Reply::nothing().stored(),
        actor: call.actor.clone(),
        at: call.at,
    };
    let recorded = desk.store().record(record).await?;
    desk.backend.forget_token(PublicId::new(call.tenant, id)).await;
    match recorded {
        Recorded::Fresh | Recorded::Taken => Ok(Reply::nothing()),
        Recorded::Replayed(answer) => Ok(Reply::recalled(&answer, true)?),
        Recorded::Conflict => Err(conflict()),
    }
}
