//! `GET /v1/api-tokens`.

use farebox_api::{ApiToken, List, Time};

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
};
use crate::keys::Scopes;

pub(in crate::billing) async fn list_tokens(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let page = call.page()?;
    let rows = desk.store().api_tokens(call.tenant).await?;
    let rows = rows.into_iter().filter(|row| page.after.is_none_or(|after| row.id.uuid() < after));
    let data = rows.map(|row| ApiToken {
        id: row.id.uuid(),
        scopes: Scopes::read(&row.scopes).to_string().split_ascii_whitespace().map(str::to_owned).collect(),
        name: row.name,
        created_at: row.created_at.into(),
        expires_at: row.expires_at.map(Time::from),
        revoked_at: row.revoked_at.map(Time::from),
    });
    Ok(Reply::ok(&List::page(data.collect(), page.length(), |token| token.id))?)
}
