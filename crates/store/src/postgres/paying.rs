//! The [`PaymentStore`] commands on PostgreSQL.

use async_trait::async_trait;
use farebox_engine::payment::{Answer, Command, Payment, Refund, Request, State, TrailEntry};
use farebox_types::{Id, Merchant, Payment as PaymentKind, Refund as RefundKind, Timestamp};
use sqlx::{PgPool, postgres::PgRow};

use super::{
    PostgresStore,
    payments::{self, event_columns, payment_columns, refund_columns, request_columns, trail_columns},
    reads,
};
use crate::{Due, Fault, PaymentFilter, PaymentStore};

const BY_ID: &str = concat!("SELECT ", payment_columns!(), " FROM payment WHERE tenant = $1 AND id = $2");
const BY_PROVIDER: &str =
    concat!("SELECT ", payment_columns!(), " FROM payment WHERE tenant = $1 AND provider_id = $2");
const LIST: &str = concat!(
    "SELECT ",
    payment_columns!(),
    " FROM payment WHERE tenant = $1 AND ($2::text IS NULL OR customer_id = $2) AND ($3::text IS NULL OR status = $3) \
     AND ($4::bigint IS NULL OR created_at >= $4) AND ($5::bigint IS NULL OR created_at < $5) \
     AND ($6::uuid IS NULL OR id < $6) ORDER BY id DESC LIMIT $7"
);
const REFUNDS: &str =
    concat!("SELECT ", refund_columns!(), " FROM payment_refund WHERE tenant = $1 AND payment = $2 ORDER BY id");
const REFUND: &str = concat!("SELECT ", refund_columns!(), " FROM payment_refund WHERE tenant = $1 AND id = $2");
const TRAIL: &str =
    concat!("SELECT ", trail_columns!(), " FROM payment_trail WHERE tenant = $1 AND payment = $2 ORDER BY seq");
const REQUEST: &str =
    concat!("SELECT ", request_columns!(), " FROM payment_request WHERE tenant = $1 AND scope = $2 AND key = $3");

macro_rules! take {
    ($table:literal, $column:literal, $key:literal, $columns:expr) => {
        concat!(
            "UPDATE ",
            $table,
            " SET ",
            $column,
            " = $3 WHERE (",
            $key,
            ") IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            $column,
            " <= $2 ORDER BY ",
            $column,
            " LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING ",
            $columns
        )
    };
}
const TAKE_PAYMENTS: &str = take!("payment", "next_check", "tenant, id", payment_columns!());
const TAKE_REFUNDS: &str = take!("payment_refund", "next_check", "tenant, id", refund_columns!());
const TAKE_EVENTS: &str = take!("provider_event", "next_try", "tenant, provider, id", event_columns!());

#[async_trait]
impl PaymentStore for PostgresStore {
    async fn pay(&self, command: Command) -> Result<Answer, Fault> {
        self.lanes.pay(command).await
    }

    async fn payment(&self, tenant: Id<Merchant>, id: Id<PaymentKind>) -> Result<Option<Payment>, Fault> {
        reads::one(&self.pool, sqlx::query(BY_ID).bind(tenant.uuid()).bind(id.uuid()), payments::payment).await
    }

    async fn payment_at(&self, tenant: Id<Merchant>, provider_id: &str) -> Result<Option<Payment>, Fault> {
        reads::one(&self.pool, sqlx::query(BY_PROVIDER).bind(tenant.uuid()).bind(provider_id), payments::payment).await
    }

    async fn payments(&self, tenant: Id<Merchant>, filter: &PaymentFilter) -> Result<Vec<Payment>, Fault> {
        let query = sqlx::query(LIST)
            .bind(tenant.uuid())
            .bind(filter.customer.as_deref())
            .bind(filter.state.map(State::as_str))
            .bind(filter.since.map(Timestamp::micros))
            .bind(filter.until.map(Timestamp::micros))
            .bind(filter.after.map(Id::uuid))
            .bind(i64::from(filter.limit));
        reads::all(&self.pool, query, payments::payment).await
    }

    async fn refunds(&self, tenant: Id<Merchant>, payment: Id<PaymentKind>) -> Result<Vec<Refund>, Fault> {
        reads::all(&self.pool, sqlx::query(REFUNDS).bind(tenant.uuid()).bind(payment.uuid()), payments::refund).await
    }

    async fn refund(&self, tenant: Id<Merchant>, id: Id<RefundKind>) -> Result<Option<Refund>, Fault> {
        reads::one(&self.pool, sqlx::query(REFUND).bind(tenant.uuid()).bind(id.uuid()), payments::refund).await
    }

    async fn payment_trail(&self, tenant: Id<Merchant>, payment: Id<PaymentKind>) -> Result<Vec<TrailEntry>, Fault> {
        reads::all(&self.pool, sqlx::query(TRAIL).bind(tenant.uuid()).bind(payment.uuid()), payments::trail).await
    }

    async fn payment_request(&self, tenant: Id<Merchant>, scope: &str, key: &str) -> Result<Option<Request>, Fault> {
        let query = sqlx::query(REQUEST).bind(tenant.uuid()).bind(scope).bind(key);
        reads::one(&self.pool, query, payments::request).await
    }

    async fn due_payments(&self, limit: u32, until: Timestamp) -> Result<Due, Fault> {
        let times = (i64::from(limit), self.clock.now().micros(), until.micros());
        Ok(Due {
            payments: take(&self.pool, TAKE_PAYMENTS, times, payments::payment).await?,
            refunds: take(&self.pool, TAKE_REFUNDS, times, payments::refund).await?,
            events: take(&self.pool, TAKE_EVENTS, times, payments::event).await?,
        })
    }
}

async fn take<T>(
    pool: &PgPool,
    text: &'static str,
    (limit, now, until): (i64, i64, i64),
    read: fn(&PgRow) -> sqlx::Result<T>,
) -> Result<Vec<T>, Fault> {
    reads::all(pool, sqlx::query(text).bind(limit).bind(now).bind(until), read).await
}
