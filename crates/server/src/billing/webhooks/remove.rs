//! `DELETE /v1/webhook-endpoints/{id}`.

use farebox_store::Change;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    fields,
};

pub(in crate::billing) async fn remove(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let row = fields::endpoint(desk, call).await?;
    let reply = Reply::nothing();
    fields::write(desk, call, Change::RemoveWebhookEndpoint(row.id), (reply.clone(), &reply)).await
}
