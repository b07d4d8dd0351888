//! Rows turned on their side: `unnest` takes one array a column.

use farebox_engine::ledger::{Account, Transfer, UsageEvent};
use farebox_types::Timestamp;
use sqlx::{
    Postgres,
    postgres::PgArguments,
    query::{Query, QueryScalar},
};
use uuid::Uuid;

use crate::{AuditRow, codec};

type Statement<'q> = Query<'q, Postgres, PgArguments>;

#[derive(Default)]
pub(super) struct AccountColumns<'a> {
    tenant: Vec<Uuid>,
    id: Vec<Uuid>,
    owner: Vec<&'a str>,
    unit: Vec<String>,
    kind: Vec<&'static str>,
    floor: Vec<Option<i64>>,
    posted: Vec<i64>,
    held: Vec<i64>,
    next_expiry: Vec<Option<i64>>,
    lots: Vec<String>,
}

impl<'a> AccountColumns<'a> {
    /// The balances, and for a row that is new the account itself.
    pub(super) fn of(rows: impl Iterator<Item = &'a Account>, new: bool) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.tenant.push(row.spec.tenant.uuid());
            columns.id.push(row.spec.id.uuid());
            if new {
                columns.owner.push(&row.spec.owner);
                columns.unit.push(row.spec.unit.to_string());
                columns.kind.push(row.spec.kind.as_str());
                columns.floor.push(row.spec.floor);
            }
            columns.posted.push(row.posted);
            columns.held.push(row.held);
            columns.next_expiry.push(row.next_expiry.map(Timestamp::micros));
            columns.lots.push(codec::encode_lots(&row.lots));
        }
        columns
    }

    /// All ten columns.
    pub(super) fn bind_new<'q>(
        self,
        query: QueryScalar<'q, Postgres, Uuid, PgArguments>,
    ) -> QueryScalar<'q, Postgres, Uuid, PgArguments>
    where
        'a: 'q,
    {
        let query = query.bind(self.tenant).bind(self.id).bind(self.owner).bind(self.unit).bind(self.kind);
        let query = query.bind(self.floor).bind(self.posted).bind(self.held);
        query.bind(self.next_expiry).bind(self.lots)
    }

    /// The key and the four columns that change.
    pub(super) fn bind_balances(self, query: Statement<'_>) -> Statement<'_> {
        let query = query.bind(self.tenant).bind(self.id).bind(self.posted).bind(self.held);
        query.bind(self.next_expiry).bind(self.lots)
    }
}

#[derive(Default)]
pub(super) struct TransferColumns {
    tenant: Vec<Uuid>,
    id: Vec<Uuid>,
    operation: Vec<Uuid>,
    from: Vec<Uuid>,
    to: Vec<Uuid>,
    amount: Vec<i64>,
    settled: Vec<i64>,
    state: Vec<&'static str>,
    lots: Vec<String>,
    balance: Vec<i64>,
    created_at: Vec<i64>,
    settled_at: Vec<Option<i64>>,
    expires_at: Vec<Option<i64>>,
}

impl TransferColumns {
    pub(super) fn of(rows: &[Transfer]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.tenant.push(row.tenant.uuid());
            columns.id.push(row.id.uuid());
            columns.operation.push(row.operation.uuid());
            columns.from.push(row.from.uuid());
            columns.to.push(row.to.uuid());
            columns.amount.push(row.amount.micros());
            columns.settled.push(row.settled.micros());
            columns.state.push(row.state.as_str());
            columns.lots.push(codec::encode_transfer_lots(row));
            columns.balance.push(row.balance);
            columns.created_at.push(row.created_at.micros());
            columns.settled_at.push(row.settled_at.map(Timestamp::micros));
            columns.expires_at.push(row.expires_at.map(Timestamp::micros));
        }
        columns
    }

    /// All thirteen columns.
    pub(super) fn bind_new(self, query: Statement<'_>) -> Statement<'_> {
        let query = query.bind(self.tenant).bind(self.id).bind(self.operation).bind(self.from).bind(self.to);
        let query = query.bind(self.amount).bind(self.settled).bind(self.state).bind(self.lots).bind(self.balance);
        query.bind(self.created_at).bind(self.settled_at).bind(self.expires_at)
    }

    /// The key and the five columns that a hold's end changes.
    pub(super) fn bind_ends(self, query: Statement<'_>) -> Statement<'_> {
        let query = query.bind(self.tenant).bind(self.id).bind(self.settled).bind(self.state).bind(self.lots);
        query.bind(self.balance).bind(self.settled_at)
    }
}

/// Audit lines: six columns.
pub(super) fn bind_audit<'q>(lines: &[AuditRow], query: Statement<'q>) -> Statement<'q> {
    fn column<T>(lines: &[AuditRow], value: impl Fn(&AuditRow) -> T) -> Vec<T> {
        lines.iter().map(value).collect()
    }
    query
        .bind(column(lines, |line| line.tenant.uuid()))
        .bind(column(lines, |line| line.chain))
        .bind(column(lines, |line| line.seq))
        .bind(column(lines, |line| line.entries.clone()))
        .bind(column(lines, |line| line.hash))
        .bind(column(lines, |line| line.created_at.micros()))
}

/// Usage events: eleven columns.
pub(super) fn bind_events<'q>(events: &[UsageEvent], query: Statement<'q>) -> Statement<'q> {
    fn column<T>(events: &[UsageEvent], value: impl Fn(&UsageEvent) -> T) -> Vec<T> {
        events.iter().map(value).collect()
    }
    query
        .bind(column(events, |event| event.tenant.uuid()))
        .bind(column(events, |event| event.id.uuid()))
        .bind(column(events, |event| event.usage.customer))
        .bind(column(events, |event| event.usage.feature))
        .bind(column(events, |event| event.value))
        .bind(column(events, |event| event.usage.occurred_at.micros()))
        .bind(column(events, |event| event.received_at.micros()))
        .bind(column(events, |event| event.usage.window_start.micros()))
        .bind(column(events, |event| event.usage.late))
        .bind(column(events, |event| event.answer.clone()))
        .bind(column(events, |event| event.counted))
}
