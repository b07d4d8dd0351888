-- Times are microseconds since 1970. Token amounts and fees are decimal text: they may be larger than 63 bits.

-- state 'unknown': nobody knows yet. evidence is empty once the outcome is known for good. signer, nonce: the slot it rides
-- in, none for a zero charge.
CREATE TABLE settlement (
    tenant UUID NOT NULL,
    key BYTEA NOT NULL CHECK (length(key) = 32),
    chain BIGINT NOT NULL,
    scheme TEXT NOT NULL,
    asset BYTEA NOT NULL,
    payer BYTEA NOT NULL,
    pay_to BYTEA NOT NULL,
    amount TEXT NOT NULL,
    valid_until BIGINT NOT NULL,
    evidence TEXT NOT NULL,
    signer BYTEA,
    nonce BIGINT,
    state TEXT NOT NULL CHECK (state IN ('unknown', 'settled', 'failed')),
    transaction_hash BYTEA,
    block BIGINT,
    reason TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);
-- Partial, so that it is no way to a payment by its key: among few rows all ways look alike, and the plan is kept.
CREATE INDEX settlement_by_slot ON settlement (tenant, chain, signer, nonce) WHERE nonce IS NOT NULL;

-- One nonce of one signer.
CREATE TABLE slot (
    tenant UUID NOT NULL,
    chain BIGINT NOT NULL,
    signer BYTEA NOT NULL,
    nonce BIGINT NOT NULL CHECK (nonce >= 0),
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    lease_owner UUID NOT NULL,
    lease_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, chain, signer, nonce)
);
CREATE INDEX slot_open ON slot (tenant, lease_until) WHERE state = 'open';

-- A slot's signed transactions; raw is empty once the slot is closed.
CREATE TABLE attempt (
    tenant UUID NOT NULL,
    chain BIGINT NOT NULL,
    signer BYTEA NOT NULL,
    nonce BIGINT NOT NULL,
    hash BYTEA NOT NULL CHECK (length(hash) = 32),
    raw BYTEA NOT NULL,
    max_fee TEXT NOT NULL,
    priority_fee TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('settle', 'cancel')),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, chain, signer, nonce, hash)
);

CREATE TABLE signer (
    tenant UUID NOT NULL,
    chain BIGINT NOT NULL,
    signer BYTEA NOT NULL,
    next_nonce BIGINT NOT NULL CHECK (next_nonce >= 0),
    PRIMARY KEY (tenant, chain, signer)
);

-- Callers' idempotency keys.
CREATE TABLE settlement_name (
    tenant UUID NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    request_hash BYTEA NOT NULL,
    key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, scope, name)
);

-- What a token may do, words between spaces; empty: what its kind may do.
ALTER TABLE api_token ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE api_token ADD COLUMN expires_at BIGINT;

-- What can be paid for, as its sellers have registered it.
CREATE TABLE resource (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    url TEXT NOT NULL,
    owner TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, url)
);
