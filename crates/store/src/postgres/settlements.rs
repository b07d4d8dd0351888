//! Settlement rows into PostgreSQL.

use std::collections::HashSet;

use farebox_engine::settlement::{Attempt, Intent, Outcome, PaymentKey, Settlement, SlotId};
use farebox_types::{Id, Merchant, Timestamp};
use sqlx::{PgConnection, Row};

use super::{
    fault::unreadable,
    settlement_reads::{named, next_nonce, number},
};
use crate::{
    Fault, Intended, Intents, SettlementName, SlotStep,
    settlements::columns::{may_follow, outcome_columns},
};

const OPEN_SLOTS: &str = "INSERT INTO slot (tenant, chain, signer, nonce, state, lease_owner, lease_until, created_at) \
                          SELECT $1, $2, $3, nonce, 'open', $4, $5, $6 FROM unnest($7::bigint[]) AS n (nonce)";
const ADD_ATTEMPTS: &str = "INSERT INTO attempt (tenant, chain, signer, nonce, hash, raw, max_fee, priority_fee, purpose, \
                            created_at) SELECT $1, $2, $3, a.* FROM unnest($4::bigint[], $5::bytea[], $6::bytea[], $7::text[], \
                            $8::text[], $9::text[], $10::bigint[]) AS a ON CONFLICT DO NOTHING";
const ADD_SETTLEMENTS: &str = "INSERT INTO settlement (tenant, key, chain, scheme, asset, payer, pay_to, amount, valid_until, \
                               evidence, signer, nonce, state, transaction_hash, block, reason, created_at) \
                               SELECT $1, s.* FROM unnest($2::bytea[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[], \
                               $7::bytea[], $8::text[], $9::bigint[], $10::text[], $11::bytea[], $12::bigint[], $13::text[], \
                               $14::bytea[], $15::bigint[], $16::text[], $17::bigint[]) AS s ON CONFLICT DO NOTHING \
                               RETURNING key";
const ADD_NAMES: &str = "INSERT INTO settlement_name (tenant, scope, name, request_hash, key, created_at) \
                         SELECT $1, n.*, $6 FROM unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[]) AS n \
                         ON CONFLICT DO NOTHING";

/// Gives a payment a name unless it is taken; whose it is afterwards.
pub(super) async fn name(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    name: &SettlementName,
    at: Timestamp,
) -> sqlx::Result<SettlementName> {
    add_names(sql, tenant, std::slice::from_ref(name), at).await?;
    let held = named(sql, tenant, &name.scope, &name.name).await?;
    held.ok_or_else(|| unreadable(Fault::never("a name that was written is not there")))
}

/// How many of the names were free.
async fn add_names(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    names: &[SettlementName],
    at: Timestamp,
) -> sqlx::Result<u64> {
    if names.is_empty() {
        return Ok(0);
    }
    let scopes: Vec<&str> = names.iter().map(|one| &*one.scope).collect();
    let texts: Vec<&str> = names.iter().map(|one| &*one.name).collect();
    let hashes: Vec<&[u8]> = names.iter().map(|one| &one.request_hash[..]).collect();
    let keys: Vec<&[u8]> = names.iter().map(|one| &one.key.bytes()[..]).collect();
    let query = sqlx::query(ADD_NAMES).bind(tenant.uuid()).bind(scopes).bind(texts).bind(hashes).bind(keys);
    Ok(query.bind(at.micros()).execute(sql).await?.rows_affected())
}

/// Writes intents, or says why not; the caller commits what is [`Intended::Written`] and nothing else. The signer's row comes
/// first: whoever has it in hand makes this wait, and what was written meanwhile is seen.
pub(super) async fn intend(sql: &mut PgConnection, intents: &Intents, from: Option<SlotId>) -> sqlx::Result<Intended> {
    if !take_nonces(sql, intents).await? {
        return next_nonce(sql, intents.tenant, intents.chain, intents.signer).await.map(Intended::Moved);
    }
    let all: Vec<&Settlement> = intents.intents.iter().flat_map(|intent| &intent.settlements).collect();
    match from {
        Some(from) => {
            for one in all {
                move_settlement(sql, one, from).await?;
            }
        }
        None => {
            let added = add_settlements(sql, intents.tenant, &all).await?;
            let known: Vec<PaymentKey> = all.iter().map(|one| one.key).filter(|key| !added.contains(key)).collect();
            if !known.is_empty() {
                return Ok(Intended::Known(known));
            }
        }
    }
    if add_names(sql, intents.tenant, &intents.names, intents.at).await? != intents.names.len() as u64 {
        for one in &intents.names {
            let held = named(sql, intents.tenant, &one.scope, &one.name).await?;
            if let Some(held) = held.filter(|held| held != one) {
                return Ok(Intended::Named(held));
            }
        }
    }
    open_slots(sql, intents).await?;
    Ok(Intended::Written)
}

/// Compare and set; false if the signer has moved.
async fn take_nonces(sql: &mut PgConnection, intents: &Intents) -> sqlx::Result<bool> {
    let (chain, next) = (number(intents.chain)?, number(intents.next)?);
    let query = match intents.expected {
        None => sqlx::query(
            "INSERT INTO signer (tenant, chain, signer, next_nonce) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(intents.tenant.uuid())
        .bind(chain)
        .bind(*intents.signer.bytes())
        .bind(next),
        Some(expected) => sqlx::query(
            "UPDATE signer SET next_nonce = $4 WHERE tenant = $1 AND chain = $2 AND signer = $3 AND next_nonce = $5",
        )
        .bind(intents.tenant.uuid())
        .bind(chain)
        .bind(*intents.signer.bytes())
        .bind(next)
        .bind(number(expected)?),
    };
    Ok(query.execute(sql).await?.rows_affected() == 1)
}

/// Which of them were new. In order of key, so that two transactions never wait for each other crosswise.
async fn add_settlements(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    all: &[&Settlement],
) -> sqlx::Result<HashSet<PaymentKey>> {
    let mut all = all.to_vec();
    all.sort_by_key(|one| one.key);
    let outcomes: Vec<_> =
        all.iter().map(|one| outcome_columns(&one.outcome).map_err(unreadable)).collect::<Result<_, _>>()?;
    let nonce = |one: &&Settlement| one.slot.map(|slot| number(slot.nonce)).transpose();
    let query = sqlx::query(ADD_SETTLEMENTS)
        .bind(tenant.uuid())
        .bind(all.iter().map(|one| &one.key.bytes()[..]).collect::<Vec<_>>())
        .bind(all.iter().map(|one| number(one.terms.chain)).collect::<Result<Vec<_>, _>>()?)
        .bind(all.iter().map(|one| &*one.terms.scheme).collect::<Vec<_>>())
        .bind(all.iter().map(|one| &one.terms.asset.bytes()[..]).collect::<Vec<_>>())
        .bind(all.iter().map(|one| &one.terms.payer.bytes()[..]).collect::<Vec<_>>())
        .bind(all.iter().map(|one| &one.terms.pay_to.bytes()[..]).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.terms.amount.to_string()).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.terms.valid_until.micros()).collect::<Vec<_>>())
        .bind(all.iter().map(|one| &*one.evidence).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.slot.map(|slot| slot.signer.bytes().to_vec())).collect::<Vec<_>>())
        .bind(all.iter().map(nonce).collect::<Result<Vec<_>, _>>()?)
        .bind(outcomes.iter().map(|one| one.0).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|one| one.1.map(|hash| hash.to_vec())).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|one| one.2).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|one| one.3.as_deref()).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.created_at.micros()).collect::<Vec<_>>());
    let added = query.fetch_all(sql).await?;
    added.iter().map(|row| row.try_get(0).map(PaymentKey::from_bytes)).collect()
}

async fn open_slots(sql: &mut PgConnection, intents: &Intents) -> sqlx::Result<()> {
    let filled = |intent: &Intent| {
        let slot = intent.settlements.first().and_then(|one| one.slot)?;
        intent.attempt.clone().map(|attempt| (slot, attempt))
    };
    let slots: Vec<(SlotId, Attempt)> = intents.intents.iter().filter_map(filled).collect();
    if slots.is_empty() {
        return Ok(());
    }
    let nonces = slots.iter().map(|(slot, _)| number(slot.nonce)).collect::<Result<Vec<_>, _>>()?;
    let query = sqlx::query(OPEN_SLOTS).bind(intents.tenant.uuid()).bind(number(intents.chain)?);
    let query = query.bind(*intents.signer.bytes()).bind(intents.lease.0).bind(intents.lease.1.micros());
    query.bind(intents.at.micros()).bind(nonces).execute(&mut *sql).await?;
    add_attempts(sql, intents.tenant, &slots).await
}

/// All of one signer.
async fn add_attempts(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    attempts: &[(SlotId, Attempt)],
) -> sqlx::Result<()> {
    let Some((first, _)) = attempts.first() else { return Ok(()) };
    let query = sqlx::query(ADD_ATTEMPTS)
        .bind(tenant.uuid())
        .bind(number(first.chain)?)
        .bind(*first.signer.bytes())
        .bind(attempts.iter().map(|(slot, _)| number(slot.nonce)).collect::<Result<Vec<_>, _>>()?)
        .bind(attempts.iter().map(|(_, one)| &one.hash.bytes()[..]).collect::<Vec<_>>())
        .bind(attempts.iter().map(|(_, one)| &one.raw[..]).collect::<Vec<_>>())
        .bind(attempts.iter().map(|(_, one)| one.max_fee.to_string()).collect::<Vec<_>>())
        .bind(attempts.iter().map(|(_, one)| one.priority_fee.to_string()).collect::<Vec<_>>())
        .bind(attempts.iter().map(|(_, one)| one.purpose.as_str()).collect::<Vec<_>>())
        .bind(attempts.iter().map(|(_, one)| one.at.micros()).collect::<Vec<_>>());
    query.execute(sql).await?;
    Ok(())
}

async fn move_settlement(sql: &mut PgConnection, one: &Settlement, from: SlotId) -> sqlx::Result<()> {
    let Some(to) = one.slot else { return Err(unreadable(Fault::never("a payment cannot leave its slot for none"))) };
    let query = sqlx::query(
        "UPDATE settlement SET signer = $3, nonce = $4 WHERE tenant = $1 AND key = $2 AND state = 'unknown' \
         AND chain = $5 AND signer = $6 AND nonce = $7",
    );
    let query = query.bind(one.tenant.uuid()).bind(*one.key.bytes()).bind(*to.signer.bytes()).bind(number(to.nonce)?);
    let query = query.bind(number(from.chain)?).bind(*from.signer.bytes()).bind(number(from.nonce)?);
    let moved = query.execute(sql).await?.rows_affected();
    let gone = || unreadable(Fault::never(format!("payment {} is not open in that slot", one.key)));
    if moved == 1 { Ok(()) } else { Err(gone()) }
}

/// Writes steps' rows; the caller writes their postings beside them. Payments are locked in order of key.
pub(super) async fn steps(sql: &mut PgConnection, steps: &[SlotStep]) -> sqlx::Result<()> {
    let mut conclusions: Vec<_> = steps.iter().flat_map(|step| &step.conclusions).collect();
    conclusions.sort_by_key(|one| one.key);
    if let Some(first) = conclusions.first() {
        let keys: Vec<&[u8]> = conclusions.iter().map(|one| &one.key.bytes()[..]).collect();
        let query = sqlx::query_as(
            "SELECT key, state FROM settlement WHERE tenant = $1 AND key = ANY($2) ORDER BY key FOR UPDATE",
        );
        let states: Vec<([u8; 32], String)> = query.bind(first.tenant.uuid()).bind(keys).fetch_all(&mut *sql).await?;
        let mut changed: Vec<(PaymentKey, &Outcome)> = Vec::with_capacity(conclusions.len());
        for one in conclusions {
            let before = states.iter().find(|(key, _)| key == one.key.bytes());
            let before = before.ok_or_else(|| unreadable(Fault::never(format!("there is no payment {}", one.key))))?;
            if may_follow(one.key, &before.1, &one.outcome).map_err(unreadable)? {
                changed.push((one.key, &one.outcome));
            }
        }
        conclude(sql, steps, &changed).await?;
    }
    for step in steps {
        if let Some(attempt) = &step.attempt {
            add_attempts(sql, step.tenant, &[(step.slot, attempt.clone())]).await?;
        }
    }
    close(sql, steps).await
}

async fn conclude(sql: &mut PgConnection, steps: &[SlotStep], changed: &[(PaymentKey, &Outcome)]) -> sqlx::Result<()> {
    let (Some(step), false) = (steps.first(), changed.is_empty()) else { return Ok(()) };
    let outcomes: Vec<_> =
        changed.iter().map(|(_, one)| outcome_columns(one).map_err(unreadable)).collect::<Result<_, _>>()?;
    let query = sqlx::query(
        "UPDATE settlement SET state = c.state, transaction_hash = c.hash, block = c.block, reason = c.reason \
         FROM unnest($2::bytea[], $3::text[], $4::bytea[], $5::bigint[], $6::text[]) AS c (key, state, hash, block, reason) \
         WHERE settlement.tenant = $1 AND settlement.key = c.key",
    )
    .bind(step.tenant.uuid())
    .bind(changed.iter().map(|(key, _)| &key.bytes()[..]).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|one| one.0).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|one| one.1.map(|hash| hash.to_vec())).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|one| one.2).collect::<Vec<_>>())
    .bind(outcomes.iter().map(|one| one.3.as_deref()).collect::<Vec<_>>());
    query.execute(sql).await?;
    Ok(())
}

async fn close(sql: &mut PgConnection, steps: &[SlotStep]) -> sqlx::Result<()> {
    let closing: Vec<&SlotStep> = steps.iter().filter(|step| step.closes).collect();
    let Some(first) = closing.first() else { return Ok(()) };
    let chains = closing.iter().map(|step| number(step.slot.chain)).collect::<Result<Vec<_>, _>>()?;
    let signers: Vec<Vec<u8>> = closing.iter().map(|step| step.slot.signer.bytes().to_vec()).collect();
    let nonces = closing.iter().map(|step| number(step.slot.nonce)).collect::<Result<Vec<_>, _>>()?;
    for text in [
        "UPDATE slot AS t SET state = 'closed' FROM unnest($2::bigint[], $3::bytea[], $4::bigint[]) AS c (chain, signer, nonce) \
         WHERE t.tenant = $1 AND t.chain = c.chain AND t.signer = c.signer AND t.nonce = c.nonce",
        "UPDATE attempt AS t SET raw = '' FROM unnest($2::bigint[], $3::bytea[], $4::bigint[]) AS c (chain, signer, nonce) \
         WHERE t.tenant = $1 AND t.chain = c.chain AND t.signer = c.signer AND t.nonce = c.nonce",
        "UPDATE settlement AS t SET evidence = '' FROM unnest($2::bigint[], $3::bytea[], $4::bigint[]) AS c (chain, signer, \
         nonce) WHERE t.tenant = $1 AND t.chain = c.chain AND t.signer = c.signer AND t.nonce = c.nonce",
    ] {
        let query = sqlx::query(text).bind(first.tenant.uuid()).bind(&chains).bind(&signers).bind(&nonces);
        query.execute(&mut *sql).await?;
    }
    Ok(())
}
