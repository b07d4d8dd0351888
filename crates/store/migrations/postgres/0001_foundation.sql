-- Times are microseconds since 1970, amounts millionths of a unit, ids 16 bytes.

CREATE TABLE merchant (
    tenant UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    created_at BIGINT NOT NULL
);

CREATE TABLE plan (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    access TEXT NOT NULL CHECK (access IN ('credits', 'time')),
    fixed BOOLEAN NOT NULL,
    granted BIGINT NOT NULL CHECK (granted > 0),
    min_amount BIGINT NOT NULL CHECK (min_amount >= 0),
    max_amount BIGINT NOT NULL CHECK (max_amount >= min_amount),
    lifetime_seconds BIGINT CHECK (lifetime_seconds > 0),
    trial BOOLEAN NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE agent (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE agent_plan (
    tenant UUID NOT NULL,
    agent UUID NOT NULL,
    plan UUID NOT NULL,
    PRIMARY KEY (tenant, agent, plan)
);
CREATE INDEX agent_plan_by_plan ON agent_plan (tenant, plan);

CREATE TABLE delegation (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    holder BYTEA NOT NULL,
    plan UUID,
    max_uses BIGINT CHECK (max_uses > 0),
    state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX delegation_by_holder ON delegation (tenant, holder);

CREATE TABLE api_key (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('seller', 'buyer')),
    account BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE api_token (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (tenant, id)
);

-- The idempotency records of cold writes. A ledger transfer is its own.
CREATE TABLE operation (
    tenant UUID NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash BYTEA NOT NULL,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, scope, key)
);

-- floor NULL: unguarded, its balance is the sum of its transfers. lots: the open ones in burn order, each as JSON
-- [id, priority, expires_at, granted_at, remaining, held].
CREATE TABLE account (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    owner TEXT NOT NULL,
    unit TEXT NOT NULL,
    kind TEXT NOT NULL,
    floor BIGINT,
    posted BIGINT NOT NULL DEFAULT 0,
    held BIGINT NOT NULL DEFAULT 0 CHECK (held >= 0),
    next_expiry BIGINT,
    lots TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (tenant, id),
    CHECK (floor IS NULL OR posted - held >= floor)
) WITH (fillfactor = 70);

-- lots: what each lot paid, as a JSON array of [lot id, amount], in the order taken.
CREATE TABLE transfer (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    operation UUID NOT NULL,
    from_account UUID NOT NULL,
    to_account UUID NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    settled BIGINT NOT NULL CHECK (settled BETWEEN 0 AND amount),
    state TEXT NOT NULL CHECK (state IN ('held', 'posted', 'released', 'expired')),
    lots TEXT NOT NULL,
    balance BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    expires_at BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX transfer_held ON transfer (tenant, from_account, expires_at) WHERE state = 'held';

CREATE TABLE audit (
    tenant UUID NOT NULL,
    chain UUID NOT NULL,
    seq BIGINT NOT NULL CHECK (seq > 0),
    entries TEXT NOT NULL,
    hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, chain, seq)
);

-- Audit lines that are not published yet.
CREATE TABLE outbox (
    tenant UUID NOT NULL,
    chain UUID NOT NULL,
    seq BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    leased_until BIGINT NOT NULL DEFAULT 0,
    attempts INT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, chain, seq)
);

-- One row: which secret key this database was first used with.
CREATE TABLE instance (
    id INT NOT NULL PRIMARY KEY CHECK (id = 1),
    fingerprint BYTEA NOT NULL
);

-- A line grows with its batch and is written once: the fast compression, where the server has it.
DO $$
BEGIN
    ALTER TABLE audit ALTER COLUMN entries SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;
