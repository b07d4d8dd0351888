-- What is billed: customers, products, plans, features, metrics, subscriptions, overrides, credits, reservations, test
-- clocks, checkouts, device codes. They are looked up alike (by id, by a unique name, by what they belong to, by when time
-- has something to do), so they are kept alike; what each kind holds is its document, a JSON object.
CREATE TABLE billing_row (
    tenant BLOB NOT NULL,
    kind TEXT NOT NULL,
    id BLOB NOT NULL,
    parent BLOB,
    due_at INTEGER,
    leased_until INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL CHECK (revision > 0),
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX billing_row_by_parent ON billing_row (tenant, parent, kind, id) WHERE parent IS NOT NULL;
CREATE INDEX billing_row_due ON billing_row (due_at) WHERE due_at IS NOT NULL;

-- Unique names of rows: an e-mail address, a code.
CREATE TABLE billing_name (
    tenant BLOB NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (tenant, kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX billing_name_by_id ON billing_name (tenant, kind, id);

-- One posted use of a metered feature; its id is that of the transfer that posted it.
CREATE TABLE usage_event (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    customer BLOB NOT NULL,
    feature BLOB NOT NULL,
    value INTEGER NOT NULL CHECK (value > 0),
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    window_start INTEGER NOT NULL,
    late INTEGER NOT NULL CHECK (late IN (0, 1)),
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX usage_event_by_customer ON usage_event (tenant, customer, received_at, id);
