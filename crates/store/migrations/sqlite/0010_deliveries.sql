-- Where a merchant wants its events posted to. events: types, words between spaces. sealed: what deliveries are signed with;
-- while it is replaced, the one before it signs too until previous_until. failures: attempts that failed in a row.
CREATE TABLE webhook_endpoint (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    events TEXT NOT NULL,
    sealed BLOB NOT NULL,
    previous BLOB,
    previous_until INTEGER,
    disabled_at INTEGER,
    disabled_for TEXT,
    failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failing_since INTEGER,
    revision INTEGER NOT NULL CHECK (revision > 0),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- The number of a merchant's last event.
CREATE TABLE webhook_sequence (
    tenant BLOB NOT NULL PRIMARY KEY,
    last INTEGER NOT NULL CHECK (last > 0)
) STRICT, WITHOUT ROWID;

-- What happened, as it is posted. data: the JSON of that member.
CREATE TABLE webhook_event (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    api_version TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX webhook_event_by_age ON webhook_event (created_at);

-- One event on its way to one endpoint. next_at: when it is tried next, or until when it is in some process's hands.
CREATE TABLE webhook_delivery (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    endpoint BLOB NOT NULL,
    event BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivering', 'succeeded', 'waiting', 'exhausted')),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at INTEGER,
    status INTEGER,
    snippet TEXT,
    failure TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    CHECK ((next_at IS NULL) = (state IN ('succeeded', 'exhausted')))
) STRICT;
CREATE INDEX webhook_delivery_due ON webhook_delivery (tenant, endpoint, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_delivery_by_endpoint ON webhook_delivery (tenant, endpoint, id);
CREATE INDEX webhook_delivery_by_event ON webhook_delivery (tenant, event);
