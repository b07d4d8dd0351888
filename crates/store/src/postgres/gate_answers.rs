//! What gates keep, in PostgreSQL. Each statement stands alone: the row's own lock is all that is needed.

use async_trait::async_trait;
use farebox_types::{Id, Merchant};
use sqlx::{Row, postgres::PgRow};

use super::{PostgresStore, connect::limited};
use crate::{
    Fault, GateAnswer, GateAnswerStore, GateClaim, GateClaimed,
    gate_answers::{GateRow, SWEPT, State, micros},
};

const TAKE: &str = "INSERT INTO gate_answer \
     (tenant, key, run, proof, request, state, lease_until, replay, remember, replay_until, forget_at) \
     VALUES ($1, $2, $3, $4, $5, 'running', $6, $7, $8, 0, $9) \
     ON CONFLICT (tenant, key) DO UPDATE SET run = excluded.run, proof = excluded.proof, request = excluded.request, \
     state = 'running', lease_until = excluded.lease_until, replay = excluded.replay, remember = excluded.remember, \
     forget_at = excluded.forget_at, request_id = NULL, amount = NULL, answer = NULL, receipt = NULL \
     WHERE (gate_answer.state = 'running' AND gate_answer.lease_until <= $10) OR (gate_answer.state <> 'open' AND gate_answer.forget_at <= $10)";
const READ: &str = "SELECT run, proof, request, state, lease_until, replay_until, request_id, amount, answer, receipt \
     FROM gate_answer WHERE tenant = $1 AND key = $2";
const KEEP: &str = "UPDATE gate_answer SET state = $4, request_id = $5, amount = $6, answer = $7, receipt = $8, \
     replay_until = $9 + replay, forget_at = $9 + remember WHERE tenant = $1 AND key = $2 AND run = $3";
const LEASE: &str = "UPDATE gate_answer SET lease_until = $4 \
     WHERE tenant = $1 AND key = $2 AND run = $3 AND state = 'open' AND lease_until <= $5";
const PUT_DOWN: &str =
    "UPDATE gate_answer SET lease_until = 0 WHERE tenant = $1 AND key = $2 AND run = $3 AND state = 'open'";
/// Who had to wait so long for the outcome has yet to come for the answer.
const CLOSE: &str = "UPDATE gate_answer SET state = 'closed', receipt = $4, \
     replay_until = CASE WHEN replay_until <= $5 THEN $5 + replay ELSE replay_until END, \
     forget_at = CASE WHEN forget_at <= $5 THEN $5 + replay ELSE forget_at END \
     WHERE tenant = $1 AND key = $2 AND run = $3 AND state = 'open'";
const SWEEP: &str = "DELETE FROM gate_answer WHERE (tenant, key) IN \
     (SELECT tenant, key FROM gate_answer WHERE tenant = $1 AND forget_at <= $2 AND state <> 'open' LIMIT $3 FOR UPDATE SKIP LOCKED)";

fn row(row: &PgRow) -> sqlx::Result<GateRow> {
    Ok(GateRow {
        run: row.try_get(0)?,
        proof: row.try_get(1)?,
        request: row.try_get(2)?,
        state: State::read(row.try_get(3)?),
        lease_until: row.try_get(4)?,
        replay_until: row.try_get(5)?,
        kept: GateAnswer {
            request_id: row.try_get::<Option<String>, _>(6)?.unwrap_or_default(),
            amount: row.try_get::<Option<String>, _>(7)?.unwrap_or_default(),
            answer: row.try_get(8)?,
            receipt: row.try_get(9)?,
        },
    })
}

#[async_trait]
impl GateAnswerStore for PostgresStore {
    async fn claim_payment(&self, claim: &GateClaim) -> Result<GateClaimed, Fault> {
        let (tenant, now) = (claim.tenant.uuid(), self.clock.now().micros());
        if claim.sweeps() {
            limited(sqlx::query(SWEEP).bind(tenant).bind(now).bind(SWEPT).execute(&self.pool)).await?;
        }
        let lease_until = now.saturating_add(micros(claim.lease));
        let take = sqlx::query(TAKE)
            .bind(tenant)
            .bind(claim.key)
            .bind(claim.run)
            .bind(claim.proof)
            .bind(claim.request)
            .bind(lease_until)
            .bind(micros(claim.replay))
            .bind(micros(claim.remember))
            .bind(lease_until.saturating_add(micros(claim.remember)))
            .bind(now);
        if limited(take.execute(&self.pool)).await?.rows_affected() == 1 {
            return Ok(GateClaimed::Mine);
        }
        let read = sqlx::query(READ).bind(tenant).bind(claim.key);
        let found = limited(read.fetch_optional(&self.pool)).await?;
        // Gone in between: whoever had it has let it go.
        let Some(found) = found else { return Ok(GateClaimed::Busy) };
        let row = row(&found)?;
        if row.is_to_be_asked(claim, now) {
            let lease = sqlx::query(LEASE).bind(tenant).bind(claim.key).bind(row.run).bind(lease_until).bind(now);
            let leased = limited(lease.execute(&self.pool)).await?.rows_affected() == 1;
            return Ok(if leased { row.claimed(claim, now) } else { GateClaimed::Busy });
        }
        Ok(row.claimed(claim, now))
    }

    async fn keep_answer(
        &self,
        tenant: Id<Merchant>,
        key: [u8; 32],
        run: i64,
        kept: &GateAnswer,
    ) -> Result<bool, Fault> {
        let keep = sqlx::query(KEEP)
            .bind(tenant.uuid())
            .bind(key)
            .bind(run)
            .bind(if kept.receipt.is_some() { "closed" } else { "open" })
            .bind(&kept.request_id)
            .bind(&kept.amount)
            .bind(kept.answer.as_deref())
            .bind(kept.receipt.as_deref())
            .bind(self.clock.now().micros());
        Ok(limited(keep.execute(&self.pool)).await?.rows_affected() == 1)
    }

    async fn put_down_answer(&self, tenant: Id<Merchant>, key: [u8; 32], run: i64) -> Result<(), Fault> {
        let put_down = sqlx::query(PUT_DOWN).bind(tenant.uuid()).bind(key).bind(run);
        limited(put_down.execute(&self.pool)).await?;
        Ok(())
    }

    async fn close_answer(&self, tenant: Id<Merchant>, key: [u8; 32], run: i64, receipt: &str) -> Result<bool, Fault> {
        let close = sqlx::query(CLOSE).bind(tenant.uuid()).bind(key).bind(run).bind(receipt);
        let close = close.bind(self.clock.now().micros());
        Ok(limited(close.execute(&self.pool)).await?.rows_affected() == 1)
    }

    async fn drop_claim(&self, tenant: Id<Merchant>, key: [u8; 32], run: i64) -> Result<(), Fault> {
        let drop = sqlx::query("DELETE FROM gate_answer WHERE tenant = $1 AND key = $2 AND run = $3");
        limited(drop.bind(tenant.uuid()).bind(key).bind(run).execute(&self.pool)).await?;
        Ok(())
    }

    async fn answer_receipt(&self, tenant: Id<Merchant>, request_id: &str) -> Result<Option<Option<String>>, Fault> {
        let read = sqlx::query("SELECT receipt FROM gate_answer WHERE tenant = $1 AND request_id = $2 LIMIT 1");
        let found = limited(read.bind(tenant.uuid()).bind(request_id).fetch_optional(&self.pool)).await?;
        Ok(found.map(|row| row.try_get(0)).transpose()?)
    }
}
