//! `GET /v1/audit-events`: newest first. Its cursor names a line: what is written meanwhile moves nothing.

use farebox_api::{AuditEvent, Cursor, List};
use farebox_store::{AuditPlace, AuditRow};
use farebox_types::Timestamp;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
};
use crate::refusal::impossible;

pub(in crate::billing) async fn audit(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let (limit, cursor) = call.window()?;
    let bad = || Denial::parameter("cursor", "the next_cursor of the page before");
    let behind = cursor.map(|cursor| place(cursor).ok_or_else(bad)).transpose()?;
    let mut rows = desk.store().audit_after(call.tenant, behind, limit.saturating_add(1)).await?;
    let length = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > length;
    rows.truncate(length);
    let next_cursor = rows.last().filter(|_| has_more).map(after);
    let data = rows.iter().map(shown).collect::<Result<_, _>>()?;
    Ok(Reply::ok(&List { data, has_more, next_cursor })?)
}

fn place(cursor: Cursor) -> Option<AuditPlace> {
    let (at, seq) = cursor.numbers()?;
    Some(AuditPlace { created_at: Timestamp::from_micros(at), chain: cursor.id(), seq })
}

fn after(row: &AuditRow) -> Cursor {
    Cursor::after_numbered(row.chain, (row.created_at.micros(), row.seq))
}

fn shown(row: &AuditRow) -> Result<AuditEvent, Denial> {
    Ok(AuditEvent {
        chain: row.chain,
        sequence: row.seq.unsigned_abs(),
        entries: serde_json::from_str(&row.entries).map_err(|_| impossible("an audit line cannot be read"))?,
        hash: hex::encode(row.hash),
        created_at: row.created_at.into(),
    })
}
