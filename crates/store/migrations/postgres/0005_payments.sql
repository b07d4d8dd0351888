-- Times are microseconds since 1970, amounts minor units of a currency with so many decimal places.

-- details: JSON, what nothing is looked up by. trail_length, trail_hash: the last entry of its trail.
CREATE TABLE payment (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    customer_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    provider_id TEXT,
    minor BIGINT NOT NULL CHECK (minor > 0),
    currency TEXT NOT NULL,
    exponent INT NOT NULL CHECK (exponent BETWEEN 0 AND 4),
    captured BIGINT NOT NULL CHECK (captured >= 0),
    refunded BIGINT NOT NULL CHECK (refunded >= 0),
    refunding BIGINT NOT NULL CHECK (refunding >= 0),
    status TEXT NOT NULL CHECK (status IN ('created', 'requires_action', 'processing', 'requires_capture', 'succeeded',
        'partially_refunded', 'refunded', 'disputed', 'failed', 'canceled')),
    next_check BIGINT,
    trail_length BIGINT NOT NULL,
    trail_hash BYTEA NOT NULL,
    details TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    CHECK (refunded + refunding <= captured)
);
CREATE UNIQUE INDEX payment_by_provider ON payment (tenant, provider, provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX payment_by_customer ON payment (tenant, customer_id, id);
CREATE INDEX payment_due ON payment (next_check, tenant) WHERE next_check IS NOT NULL;

CREATE TABLE payment_refund (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    payment UUID NOT NULL,
    minor BIGINT NOT NULL CHECK (minor > 0),
    state TEXT NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
    provider_id TEXT,
    reason TEXT,
    failure TEXT,
    next_check BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX payment_refund_by_payment ON payment_refund (tenant, payment, id);
CREATE INDEX payment_refund_due ON payment_refund (next_check, tenant) WHERE next_check IS NOT NULL;

-- Callers' idempotency keys; status and body are there once the request was answered.
CREATE TABLE payment_request (
    tenant UUID NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    hash BYTEA NOT NULL,
    payment UUID NOT NULL,
    refund UUID,
    status INT,
    body TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, scope, key)
);

-- Everything that happened to a payment; each entry's hash covers the one before it.
CREATE TABLE payment_trail (
    tenant UUID NOT NULL,
    payment UUID NOT NULL,
    seq BIGINT NOT NULL CHECK (seq > 0),
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    detail TEXT NOT NULL,
    at BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (tenant, payment, seq)
);

-- Webhooks that were verified; each is applied once.
CREATE TABLE provider_event (
    tenant UUID NOT NULL,
    provider TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    our_id TEXT,
    provider_id TEXT,
    received_at BIGINT NOT NULL,
    applied_at BIGINT,
    next_try BIGINT,
    tries INT NOT NULL,
    PRIMARY KEY (tenant, provider, id)
);
CREATE INDEX provider_event_due ON provider_event (next_try, tenant) WHERE next_try IS NOT NULL;

-- For people and reports: amounts as decimals.
CREATE VIEW payments AS
SELECT id, tenant, customer_id, coalesce(provider_id, id::text) AS payment_provider_id,
    round(minor / power(10::numeric, exponent), exponent) AS amount, currency, status, created_at
FROM payment;
