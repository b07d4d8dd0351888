//! `GET /v1/audit-events`: newest first. Its cursor counts lines: what is written meanwhile moves it.

use farebox_api::{AuditEvent, Cursor, List};
use farebox_store::Page;
use uuid::Uuid;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
};
use crate::refusal::impossible;

pub(in crate::billing) async fn audit(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let page = call.page()?;
    let bad = |_| Denial::parameter("cursor", "the next_cursor of the page before");
    let offset = page.after.map_or(Ok(0), |after| u32::try_from(after.as_u128())).map_err(bad)?;
    let limit = page.limit.saturating_add(1);
    let rows = desk.store().audit(call.tenant, Page { offset, limit }).await?;
    let has_more = rows.len() > page.length();
    let mut data = Vec::with_capacity(rows.len());
    for row in rows.into_iter().take(page.length()) {
        data.push(AuditEvent {
            chain: row.chain,
            sequence: row.seq.unsigned_abs(),
            entries: serde_json::from_str(&row.entries).map_err(|_| impossible("an audit line cannot be read"))?,
            hash: hex::encode(row.hash),
            created_at: row.created_at.into(),
        });
    }
    let next = Uuid::from_u128(u128::from(offset.saturating_add(page.limit)));
    Ok(Reply::ok(&List { data, has_more, next_cursor: has_more.then(|| Cursor::after(next)) })?)
}
