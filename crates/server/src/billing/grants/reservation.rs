//! `POST /v1/reservations`, `/{id}/commit` and `/{id}/release`: repeating either is harmless.

use std::time::Duration;

use farebox_api::{Amount, Commit, NewReservation, Nothing, Reservation, ReservationState as State};
use farebox_store::{
    Fault,
    billing::{Reservation as Row, ReservationState, Reserve},
};
use uuid::Uuid;

use super::super::{
    desk::{Desk, recalled},
    edge::{Call, Denial, Reply},
    view::word,
};

const LONGEST_SECONDS: u32 = 86_400;

pub(in crate::billing) async fn reserve(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: NewReservation = call.body()?;
    if !(1..=LONGEST_SECONDS).contains(&body.ttl_seconds) {
        return Err(Denial::member("/ttl_seconds", "must be 1 to 86400"));
    }
    let amount = body.amount.quantity().filter(|amount| !amount.is_zero());
    let wanted = Reserve {
        id: Uuid::now_v7(),
        customer: body.customer_id,
        feature_code: body.feature_code.to_string(),
        amount: amount.ok_or_else(|| Denial::member("/amount", "must be more than 0"))?,
        lifetime: Duration::from_secs(u64::from(body.ttl_seconds)),
    };
    recalled(&desk.billing.reserve(&call.ask(), &wanted, |row| stored(201, row)).await?)
}

pub(in crate::billing) async fn commit(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: Commit = call.body_if_any()?;
    let negative = || Denial::member("/amount", "must not be negative");
    let amount = body.amount.map(|amount| amount.quantity().ok_or_else(negative)).transpose()?;
    let id = call.id("id", "reservation")?;
    recalled(&desk.billing.commit_reservation(&call.ask(), id, amount, |row| stored(200, row)).await?)
}

pub(in crate::billing) async fn release(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let Nothing {} = call.body_if_any()?;
    let id: Uuid = call.id("id", "reservation")?;
    recalled(&desk.billing.release_reservation(&call.ask(), id, |row| stored(200, row)).await?)
}

fn stored(status: u16, row: &Row) -> String {
    shown(status, row).map(|reply| reply.stored()).unwrap_or_default()
}

fn shown(status: u16, row: &Row) -> Result<Reply, Fault> {
    Reply::with(
        status,
        &Reservation {
            id: row.id,
            customer_id: row.customer,
            feature_code: word(&row.feature_code)?,
            amount: row.amount.into(),
            state: match row.state {
                ReservationState::Held => State::Held,
                ReservationState::Committed => State::Committed,
                ReservationState::Released => State::Released,
                ReservationState::Expired => State::Expired,
            },
            committed_amount: row.committed.map(Amount::from),
            expires_at: row.expires_at.into(),
        },
    )
}
