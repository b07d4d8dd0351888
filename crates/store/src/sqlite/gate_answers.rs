//! What gates keep, in SQLite.

use async_trait::async_trait;
use farebox_types::{Id, Merchant};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteStore, store::in_transaction};
use crate::{
    Fault, GateAnswer, GateAnswerStore, GateClaim, GateClaimed,
    gate_answers::{GateRow, SWEPT, State, micros},
};

const TAKE: &str = "INSERT INTO gate_answer \
     (tenant, key, run, proof, request, state, lease_until, replay, remember, replay_until, forget_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, 'running', ?6, ?7, ?8, 0, ?9) \
     ON CONFLICT (tenant, key) DO UPDATE SET run = excluded.run, proof = excluded.proof, request = excluded.request, \
     state = 'running', lease_until = excluded.lease_until, replay = excluded.replay, remember = excluded.remember, \
     forget_at = excluded.forget_at, request_id = NULL, amount = NULL, answer = NULL, receipt = NULL \
     WHERE (gate_answer.state = 'running' AND gate_answer.lease_until <= ?10) OR (gate_answer.state <> 'open' AND gate_answer.forget_at <= ?10)";
const READ: &str = "SELECT run, proof, request, state, lease_until, replay_until, request_id, amount, answer, receipt \
     FROM gate_answer WHERE tenant = ?1 AND key = ?2";
const KEEP: &str = "UPDATE gate_answer SET state = ?4, request_id = ?5, amount = ?6, answer = ?7, receipt = ?8, \
     replay_until = ?9 + replay, forget_at = ?9 + remember WHERE tenant = ?1 AND key = ?2 AND run = ?3";
const LEASE: &str = "UPDATE gate_answer SET lease_until = ?4 \
     WHERE tenant = ?1 AND key = ?2 AND run = ?3 AND state = 'open' AND lease_until <= ?5";
const PUT_DOWN: &str =
    "UPDATE gate_answer SET lease_until = 0 WHERE tenant = ?1 AND key = ?2 AND run = ?3 AND state = 'open'";
/// Who had to wait so long for the outcome has yet to come for the answer.
const CLOSE: &str = "UPDATE gate_answer SET state = 'closed', receipt = ?4, \
     replay_until = CASE WHEN replay_until <= ?5 THEN ?5 + replay ELSE replay_until END, \
     forget_at = CASE WHEN forget_at <= ?5 THEN ?5 + replay ELSE forget_at END \
     WHERE tenant = ?1 AND key = ?2 AND run = ?3 AND state = 'open'";
const SWEEP: &str = "DELETE FROM gate_answer WHERE (tenant, key) IN \
     (SELECT tenant, key FROM gate_answer WHERE tenant = ?1 AND forget_at <= ?2 AND state <> 'open' LIMIT ?3)";

fn claim(sql: &Connection, claim: &GateClaim, now: i64) -> Result<GateClaimed, Fault> {
    let tenant = claim.tenant.uuid();
    if claim.sweeps() {
        sql.prepare_cached(SWEEP)?.execute((tenant.as_bytes(), now, SWEPT))?;
    }
    let lease_until = now.saturating_add(micros(claim.lease));
    let taken = sql.prepare_cached(TAKE)?.execute(params![
        tenant.as_bytes(),
        claim.key,
        claim.run,
        claim.proof,
        claim.request,
        lease_until,
        micros(claim.replay),
        micros(claim.remember),
        lease_until.saturating_add(micros(claim.remember)),
        now,
    ])?;
    if taken == 1 {
        return Ok(GateClaimed::Mine);
    }
    let row = sql.prepare_cached(READ)?.query_row((tenant.as_bytes(), claim.key), row).optional()?;
    let Some(row) = row else { return Ok(GateClaimed::Busy) };
    if row.is_to_be_asked(claim, now) {
        let lease = sql.prepare_cached(LEASE)?.execute((tenant.as_bytes(), claim.key, row.run, lease_until, now))?;
        return Ok(if lease == 1 { row.claimed(claim, now) } else { GateClaimed::Busy });
    }
    Ok(row.claimed(claim, now))
}

fn row(row: &Row<'_>) -> rusqlite::Result<GateRow> {
    Ok(GateRow {
        run: row.get(0)?,
        proof: row.get(1)?,
        request: row.get(2)?,
        state: State::read(&row.get::<_, String>(3)?),
        lease_until: row.get(4)?,
        replay_until: row.get(5)?,
        kept: GateAnswer {
            request_id: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
            amount: row.get::<_, Option<String>>(7)?.unwrap_or_default(),
            answer: row.get(8)?,
            receipt: row.get(9)?,
        },
    })
}

#[async_trait]
impl GateAnswerStore for SqliteStore {
    async fn claim_payment(&self, wanted: &GateClaim) -> Result<GateClaimed, Fault> {
        let (wanted, now) = (wanted.clone(), self.clock.now().micros());
        self.read(move |sql| in_transaction(sql, |sql| claim(sql, &wanted, now))).await
    }

    async fn keep_answer(
        &self,
        tenant: Id<Merchant>,
        key: [u8; 32],
        run: i64,
        kept: &GateAnswer,
    ) -> Result<bool, Fault> {
        let (kept, now) = (kept.clone(), self.clock.now().micros());
        let state = if kept.receipt.is_some() { "closed" } else { "open" };
        self.read(move |sql| {
            let GateAnswer { request_id, amount, answer, receipt } = kept;
            let tenant = tenant.uuid();
            let row = params![tenant.as_bytes(), key, run, state, request_id, amount, answer, receipt, now];
            Ok(sql.prepare_cached(KEEP)?.execute(row)? == 1)
        })
        .await
    }

    async fn put_down_answer(&self, tenant: Id<Merchant>, key: [u8; 32], run: i64) -> Result<(), Fault> {
        self.read(move |sql| {
            sql.prepare_cached(PUT_DOWN)?.execute((tenant.uuid().as_bytes(), key, run))?;
            Ok(())
        })
        .await
    }

    async fn close_answer(&self, tenant: Id<Merchant>, key: [u8; 32], run: i64, receipt: &str) -> Result<bool, Fault> {
        let (receipt, now) = (receipt.to_owned(), self.clock.now().micros());
        self.read(move |sql| {
            let tenant = tenant.uuid();
            Ok(sql.prepare_cached(CLOSE)?.execute((tenant.as_bytes(), key, run, receipt, now))? == 1)
        })
        .await
    }

    async fn drop_claim(&self, tenant: Id<Merchant>, key: [u8; 32], run: i64) -> Result<(), Fault> {
        let drop = "DELETE FROM gate_answer WHERE tenant = ?1 AND key = ?2 AND run = ?3";
        self.read(move |sql| {
            sql.prepare_cached(drop)?.execute((tenant.uuid().as_bytes(), key, run))?;
            Ok(())
        })
        .await
    }

    async fn answer_receipt(&self, tenant: Id<Merchant>, request_id: &str) -> Result<Option<Option<String>>, Fault> {
        let request_id = request_id.to_owned();
        let read = "SELECT receipt FROM gate_answer WHERE tenant = ?1 AND request_id = ?2 LIMIT 1";
        self.read(move |sql| {
            let found = sql.prepare_cached(read)?.query_row((tenant.uuid().as_bytes(), request_id), |row| row.get(0));
            Ok(found.optional()?)
        })
        .await
    }
}
