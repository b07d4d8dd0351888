//! Settlement rows into PostgreSQL.

use std::collections::HashSet;

use farebox_engine::settlement::{Attempt, Intent, PaymentKey, Settlement, SlotId};
use farebox_types::{Id, Merchant, Timestamp};
use sqlx::{PgConnection, Row};

use super::{
    fault::unreadable,
    settlement_reads::{named, next_nonce, number},
};
use crate::{
    Fault, Intended, Intents, SettlementName,
    settlements::{checks::no_slot, columns::outcome_columns},
};

const OPEN_SLOTS: &str = "INSERT INTO slot (tenant, chain, signer, nonce, state, lease_owner, lease_until, created_at) \
                          SELECT $1, $2, $3, nonce, 'open', $4, $5, $6 FROM unnest($7::bigint[]) AS n (nonce)";
const ADD_ATTEMPTS: &str = "INSERT INTO attempt (tenant, chain, signer, nonce, hash, raw, max_fee, priority_fee, purpose, \
                            created_at) SELECT $1, $2, $3, a.* FROM unnest($4::bigint[], $5::bytea[], $6::bytea[], $7::text[], \
                            $8::text[], $9::text[], $10::bigint[]) AS a ON CONFLICT DO NOTHING";
const ADD_SETTLEMENTS: &str = "INSERT INTO settlement (tenant, key, chain, scheme, asset, payer, pay_to, amount, valid_until, \
                               evidence, signer, nonce, state, transaction_hash, block, reason, created_at, pays_for) \
                               SELECT $1, s.* FROM unnest($2::bytea[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[], \
                               $7::bytea[], $8::text[], $9::bigint[], $10::text[], $11::bytea[], $12::bigint[], $13::text[], \
                               $14::bytea[], $15::bigint[], $16::text[], $17::bigint[], $18::text[]) AS s ON CONFLICT DO NOTHING \
                               RETURNING key";
const ADD_NAMES: &str = "INSERT INTO settlement_name (tenant, scope, name, request_hash, key, created_at) \
                         SELECT $1, n.*, $6 FROM unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[]) AS n \
                         ON CONFLICT DO NOTHING";

const LOCK_SLOT: &str = "SELECT FROM slot WHERE tenant = $1 AND chain = $2 AND signer = $3 AND nonce = $4 FOR UPDATE";
const MOVE_SETTLEMENTS: &str = "UPDATE settlement AS s SET signer = $5, nonce = n.nonce \
                                FROM unnest($6::bytea[], $7::bigint[]) AS n (key, nonce) \
                                WHERE s.tenant = $1 AND s.chain = $2 AND s.signer = $3 AND s.nonce = $4 \
                                AND s.key = n.key AND s.state = 'unknown' RETURNING s.key";

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

/// How many of the names were free. In order, so that two transactions never wait for each other crosswise.
async fn add_names(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    names: &[SettlementName],
    at: Timestamp,
) -> sqlx::Result<u64> {
    if names.is_empty() {
        return Ok(0);
    }
    let mut names: Vec<&SettlementName> = names.iter().collect();
    names.sort_by_key(|one| (&one.scope, &one.name));
    let scopes: Vec<&str> = names.iter().map(|one| &*one.scope).collect();
    let texts: Vec<&str> = names.iter().map(|one| &*one.name).collect();
    let hashes: Vec<&[u8]> = names.iter().map(|one| &one.request_hash[..]).collect();
    let keys: Vec<&[u8]> = names.iter().map(|one| &one.key.bytes()[..]).collect();
    let query = sqlx::query(ADD_NAMES).bind(tenant.uuid()).bind(scopes).bind(texts).bind(hashes).bind(keys);
    Ok(query.bind(at.micros()).execute(sql).await?.rows_affected())
}

/// Writes intents, or says why not; the caller commits what is [`Intended::Written`] and nothing else. The signer's row comes
/// first: whoever has it in hand makes this wait, and what was written meanwhile is seen. Then payments, then names.
pub(super) async fn intend(sql: &mut PgConnection, intents: &Intents, from: Option<SlotId>) -> sqlx::Result<Intended> {
    if !take_nonces(sql, intents).await? {
        return next_nonce(sql, intents.tenant, intents.chain, intents.signer).await.map(Intended::Moved);
    }
    let all: Vec<&Settlement> = intents.intents.iter().flat_map(|intent| &intent.settlements).collect();
    let written = match from {
        Some(from) => move_settlements(sql, intents, &all, from).await?,
        None => add_settlements(sql, intents.tenant, &all).await?,
    };
    let known: Vec<PaymentKey> = all.iter().map(|one| one.key).filter(|key| !written.contains(key)).collect();
    if !known.is_empty() {
        return Ok(Intended::Known(known));
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
        .bind(all.iter().map(|one| one.created_at.micros()).collect::<Vec<_>>())
        .bind(all.iter().map(|one| one.pays_for.as_deref()).collect::<Vec<_>>());
    let added = query.fetch_all(sql).await?;
    added.iter().map(|row| row.try_get(0).map(PaymentKey::from_bytes)).collect()
}

/// What a settled payment pays for has been given.
pub(super) async fn given(
    sql: &mut PgConnection,
    tenant: Id<Merchant>,
    key: PaymentKey,
    at: Timestamp,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "UPDATE settlement SET given_at = $3 WHERE tenant = $1 AND key = $2 AND state = 'settled' \
         AND pays_for IS NOT NULL AND given_at IS NULL",
    );
    query.bind(tenant.uuid()).bind(*key.bytes()).bind(at.micros()).execute(sql).await?;
    Ok(())
}

/// Which of them were still open in the slot that they leave. Whoever writes about that slot has its row first.
async fn move_settlements(
    sql: &mut PgConnection,
    intents: &Intents,
    all: &[&Settlement],
    from: SlotId,
) -> sqlx::Result<HashSet<PaymentKey>> {
    let (chain, nonce) = (number(from.chain)?, number(from.nonce)?);
    let query = sqlx::query(LOCK_SLOT).bind(intents.tenant.uuid()).bind(chain).bind(*from.signer.bytes()).bind(nonce);
    if query.fetch_optional(&mut *sql).await?.is_none() {
        return Err(unreadable(no_slot(&from)));
    }
    let nonces = all.iter().filter_map(|one| one.slot).map(|slot| number(slot.nonce)).collect::<Result<Vec<_>, _>>()?;
    let query = sqlx::query(MOVE_SETTLEMENTS).bind(intents.tenant.uuid()).bind(chain).bind(*from.signer.bytes());
    let query = query.bind(nonce).bind(*intents.signer.bytes());
    let query = query.bind(all.iter().map(|one| &one.key.bytes()[..]).collect::<Vec<_>>()).bind(nonces);
    let moved = query.fetch_all(sql).await?;
    moved.iter().map(|row| row.try_get(0).map(PaymentKey::from_bytes)).collect()
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
pub(super) async fn add_attempts(
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
