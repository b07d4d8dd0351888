-- Times are microseconds since 1970, amounts millionths of a unit, ids 16 bytes.

CREATE TABLE merchant (
    tenant BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    mode TEXT NOT NULL CHECK (mode IN ('test', 'live')),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plan (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    access TEXT NOT NULL CHECK (access IN ('credits', 'time')),
    fixed INTEGER NOT NULL CHECK (fixed IN (0, 1)),
    granted INTEGER NOT NULL CHECK (granted > 0),
    min_amount INTEGER NOT NULL CHECK (min_amount >= 0),
    max_amount INTEGER NOT NULL CHECK (max_amount >= min_amount),
    lifetime_seconds INTEGER CHECK (lifetime_seconds > 0),
    trial INTEGER NOT NULL CHECK (trial IN (0, 1)),
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_plan (
    tenant BLOB NOT NULL,
    agent BLOB NOT NULL,
    plan BLOB NOT NULL,
    PRIMARY KEY (tenant, agent, plan)
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_plan_by_plan ON agent_plan (tenant, plan);

CREATE TABLE delegation (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    holder BLOB NOT NULL,
    plan BLOB,
    max_uses INTEGER CHECK (max_uses > 0),
    state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX delegation_by_holder ON delegation (tenant, holder);

CREATE TABLE api_key (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('seller', 'buyer')),
    account BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_token (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- The idempotency records of cold writes. A ledger transfer is its own.
CREATE TABLE operation (
    tenant BLOB NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    answer TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, scope, key)
) STRICT, WITHOUT ROWID;

-- floor NULL: unguarded, its balance is the sum of its transfers. lots: the open ones in burn order, each as JSON
-- [id, priority, expires_at, granted_at, remaining, held].
CREATE TABLE account (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    owner TEXT NOT NULL,
    unit TEXT NOT NULL,
    kind TEXT NOT NULL,
    floor INTEGER,
    posted INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    next_expiry INTEGER,
    lots TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (tenant, id),
    CHECK (floor IS NULL OR posted - held >= floor)
) STRICT, WITHOUT ROWID;

-- lots: what each lot paid, as a JSON array of [lot id, amount], in the order taken.
CREATE TABLE transfer (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    operation BLOB NOT NULL,
    from_account BLOB NOT NULL,
    to_account BLOB NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    settled INTEGER NOT NULL CHECK (settled BETWEEN 0 AND amount),
    state TEXT NOT NULL CHECK (state IN ('held', 'posted', 'released', 'expired')),
    lots TEXT NOT NULL,
    balance INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    settled_at INTEGER,
    expires_at INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX transfer_held ON transfer (tenant, from_account, expires_at) WHERE state = 'held';

CREATE TABLE audit (
    tenant BLOB NOT NULL,
    chain BLOB NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    entries TEXT NOT NULL,
    hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, chain, seq)
) STRICT;

-- Audit lines that are not published yet.
CREATE TABLE outbox (
    tenant BLOB NOT NULL,
    chain BLOB NOT NULL,
    seq INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    leased_until INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, chain, seq)
) STRICT, WITHOUT ROWID;

-- One row: which secret key this database was first used with.
CREATE TABLE instance (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    fingerprint BLOB NOT NULL
) STRICT;
