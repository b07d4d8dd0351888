-- What is billed: customers, products, plans, features, metrics, subscriptions, overrides, credits, reservations, test
-- clocks, checkouts, device codes. They are looked up alike (by id, by a unique name, by what they belong to, by when time
-- has something to do), so they are kept alike; what each kind holds is its document, a JSON object.
CREATE TABLE billing_row (
    tenant UUID NOT NULL,
    kind TEXT NOT NULL,
    id UUID NOT NULL,
    parent UUID,
    due_at BIGINT,
    leased_until BIGINT NOT NULL DEFAULT 0,
    revision BIGINT NOT NULL CHECK (revision > 0),
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
);
CREATE INDEX billing_row_by_parent ON billing_row (tenant, parent, kind, id) WHERE parent IS NOT NULL;
CREATE INDEX billing_row_due ON billing_row (due_at) WHERE due_at IS NOT NULL;

-- Unique names of rows: an e-mail address, a code.
CREATE TABLE billing_name (
    tenant UUID NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    id UUID NOT NULL,
    PRIMARY KEY (tenant, kind, name)
);
CREATE INDEX billing_name_by_id ON billing_name (tenant, kind, id);

-- One posted use of a metered feature; its id is that of the transfer that posted it.
CREATE TABLE usage_event (
    tenant UUID NOT NULL,
    id UUID NOT NULL,
    customer UUID NOT NULL,
    feature UUID NOT NULL,
    value BIGINT NOT NULL CHECK (value > 0),
    occurred_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    window_start BIGINT NOT NULL,
    late BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX usage_event_by_customer ON usage_event (tenant, customer, received_at, id);
