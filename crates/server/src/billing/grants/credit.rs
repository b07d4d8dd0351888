//! `POST /v1/credits`.

use farebox_api::{Credit, NewCredit, Time};
use farebox_store::{
    Fault,
    billing::{Credit as Row, GrantCredit},
};
use farebox_types::Timestamp;
use uuid::Uuid;

use super::super::{
    desk::{Desk, recalled},
    edge::{Call, Denial, Reply},
    view::word,
};

pub(in crate::billing) async fn credit(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: NewCredit = call.body()?;
    let amount = body.amount.quantity().filter(|amount| !amount.is_zero());
    let now = desk.now(call.tenant).await?;
    let expires_at = body.expires_at.map(Time::timestamp);
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Denial::member("/expires_at", "must be in the future"));
    }
    let wanted = GrantCredit {
        id: Uuid::now_v7(),
        customer: body.customer_id,
        feature_code: body.feature_code.to_string(),
        amount: amount.ok_or_else(|| Denial::member("/amount", "must be more than 0"))?,
        priority: u16::from(body.priority.unwrap_or(0)),
        expires_at,
    };
    let code = wanted.feature_code.as_str();
    let answer = |row: &Row| shown(row, code, now).map(|reply| reply.stored()).unwrap_or_default();
    recalled(&desk.billing.credit(&call.ask(), &wanted, answer).await?)
}

fn shown(row: &Row, code: &str, created_at: Timestamp) -> Result<Reply, Fault> {
    Reply::with(
        201,
        &Credit {
            id: row.id,
            customer_id: row.customer,
            feature_code: word(code)?,
            amount: row.amount.into(),
            priority: u8::try_from(row.priority).unwrap_or_default(),
            expires_at: row.expires_at.map(Time::from),
            created_at: created_at.into(),
        },
    )
}
