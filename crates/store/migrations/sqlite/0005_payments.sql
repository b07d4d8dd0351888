-- Times are microseconds since 1970, amounts minor units of a currency with so many decimal places.

-- details: JSON, what nothing is looked up by. trail_length, trail_hash: the last entry of its trail.
CREATE TABLE payment (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    customer_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    provider_id TEXT,
    minor INTEGER NOT NULL CHECK (minor > 0),
    currency TEXT NOT NULL,
    exponent INTEGER NOT NULL CHECK (exponent BETWEEN 0 AND 4),
    captured INTEGER NOT NULL CHECK (captured >= 0),
    refunded INTEGER NOT NULL CHECK (refunded >= 0),
    refunding INTEGER NOT NULL CHECK (refunding >= 0),
    status TEXT NOT NULL CHECK (status IN ('created', 'requires_action', 'processing', 'requires_capture', 'succeeded',
        'partially_refunded', 'refunded', 'disputed', 'failed', 'canceled')),
    next_check INTEGER,
    trail_length INTEGER NOT NULL,
    trail_hash BLOB NOT NULL,
    details TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    CHECK (refunded + refunding <= captured)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX payment_by_provider ON payment (tenant, provider, provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX payment_by_customer ON payment (tenant, customer_id, id);
CREATE INDEX payment_due ON payment (next_check, tenant) WHERE next_check IS NOT NULL;

CREATE TABLE payment_refund (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    payment BLOB NOT NULL,
    minor INTEGER NOT NULL CHECK (minor > 0),
    state TEXT NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
    provider_id TEXT,
    reason TEXT,
    failure TEXT,
    next_check INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_refund_by_payment ON payment_refund (tenant, payment, id);
CREATE INDEX payment_refund_due ON payment_refund (next_check, tenant) WHERE next_check IS NOT NULL;

-- Callers' idempotency keys; status and body are there once the request was answered.
CREATE TABLE payment_request (
    tenant BLOB NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    hash BLOB NOT NULL,
    payment BLOB NOT NULL,
    refund BLOB,
    status INTEGER,
    body TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, scope, key)
) STRICT, WITHOUT ROWID;

-- Everything that happened to a payment; each entry's hash covers the one before it.
CREATE TABLE payment_trail (
    tenant BLOB NOT NULL,
    payment BLOB NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (tenant, payment, seq)
) STRICT, WITHOUT ROWID;

-- Webhooks that were verified; each is applied once.
CREATE TABLE provider_event (
    tenant BLOB NOT NULL,
    provider TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    our_id TEXT,
    provider_id TEXT,
    received_at INTEGER NOT NULL,
    applied_at INTEGER,
    next_try INTEGER,
    tries INTEGER NOT NULL,
    PRIMARY KEY (tenant, provider, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX provider_event_due ON provider_event (next_try, tenant) WHERE next_try IS NOT NULL;

-- For people and reports: amounts as decimals.
CREATE VIEW payments AS
SELECT id, tenant, customer_id, coalesce(provider_id, lower(hex(id))) AS payment_provider_id,
    CASE exponent
        WHEN 0 THEN CAST(minor AS TEXT)
        WHEN 2 THEN printf('%d.%02d', minor / 100, minor % 100)
        WHEN 3 THEN printf('%d.%03d', minor / 1000, minor % 1000)
        ELSE printf('%d.%04d', minor / 10000, minor % 10000) END AS amount, currency, status, created_at
FROM payment;
