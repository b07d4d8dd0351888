-- Where a merchant wants its events posted to. events: types, words between spaces. sealed: what deliveries are signed with;
-- while it is replaced, the one before it signs too until previous_until. failures: attempts that failed in a row.
CREATE TABLE webhook_endpoint (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    events TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    previous BYTEA,
    previous_until BIGINT,
    disabled_at BIGINT,
    disabled_for TEXT,
    failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failing_since BIGINT,
    revision BIGINT NOT NULL CHECK (revision > 0),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- The number of a merchant's last event.
CREATE TABLE webhook_sequence (
    tenant UUID NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL CHECK (last > 0)
);

-- What happened, as it is posted. data: the JSON of that member.
CREATE TABLE webhook_event (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    api_version TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX webhook_event_by_age ON webhook_event (created_at);

-- One event on its way to one endpoint. next_at: when it is tried next, or until when it is in some process's hands.
CREATE TABLE webhook_delivery (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    endpoint UUID NOT NULL,
    event UUID NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivering', 'succeeded', 'waiting', 'exhausted')),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at BIGINT,
    status INTEGER,
    snippet TEXT,
    failure TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    CHECK ((next_at IS NULL) = (state IN ('succeeded', 'exhausted')))
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (tenant, endpoint, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_delivery_by_endpoint ON webhook_delivery (tenant, endpoint, id);
CREATE INDEX webhook_delivery_by_event ON webhook_delivery (tenant, event);
