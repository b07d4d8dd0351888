-- Times are microseconds since 1970. Token amounts and fees are decimal text: they may be larger than 63 bits.

-- state 'unknown': nobody knows yet. evidence is empty once the outcome is known for good. signer, nonce: the slot it rides
-- in, none for a zero charge.
CREATE TABLE settlement (
    tenant BLOB NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    chain INTEGER NOT NULL,
    scheme TEXT NOT NULL,
    asset BLOB NOT NULL,
    payer BLOB NOT NULL,
    pay_to BLOB NOT NULL,
    amount TEXT NOT NULL,
    valid_until INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    signer BLOB,
    nonce INTEGER,
    state TEXT NOT NULL CHECK (state IN ('unknown', 'settled', 'failed')),
    transaction_hash BLOB,
    block INTEGER,
    reason TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
-- Partial, so that it is no way to a payment by its key: among few rows all ways look alike, and the plan is kept.
CREATE INDEX settlement_by_slot ON settlement (tenant, chain, signer, nonce) WHERE nonce IS NOT NULL;

-- One nonce of one signer.
CREATE TABLE slot (
    tenant BLOB NOT NULL,
    chain INTEGER NOT NULL,
    signer BLOB NOT NULL,
    nonce INTEGER NOT NULL CHECK (nonce >= 0),
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    lease_owner BLOB NOT NULL,
    lease_until INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, chain, signer, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX slot_open ON slot (tenant, lease_until) WHERE state = 'open';

-- A slot's signed transactions; raw is empty once the slot is closed.
CREATE TABLE attempt (
    tenant BLOB NOT NULL,
    chain INTEGER NOT NULL,
    signer BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    raw BLOB NOT NULL,
    max_fee TEXT NOT NULL,
    priority_fee TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('settle', 'cancel')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, chain, signer, nonce, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE signer (
    tenant BLOB NOT NULL,
    chain INTEGER NOT NULL,
    signer BLOB NOT NULL,
    next_nonce INTEGER NOT NULL CHECK (next_nonce >= 0),
    PRIMARY KEY (tenant, chain, signer)
) STRICT, WITHOUT ROWID;

-- Callers' idempotency keys.
CREATE TABLE settlement_name (
    tenant BLOB NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, scope, name)
) STRICT, WITHOUT ROWID;

-- What a token may do, words between spaces; empty: what its kind may do.
ALTER TABLE api_token ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE api_token ADD COLUMN expires_at INTEGER;

-- What can be paid for, as its sellers have registered it.
CREATE TABLE resource (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    url TEXT NOT NULL,
    owner TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, url)
) STRICT, WITHOUT ROWID;
