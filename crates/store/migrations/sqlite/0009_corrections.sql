-- What takes back is below zero, and what is told may be nothing: the table is made anew without its check.
CREATE TABLE usage_event_told (
    tenant BLOB NOT NULL,
    id BLOB NOT NULL,
    customer BLOB NOT NULL,
    feature BLOB NOT NULL,
    value INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    window_start INTEGER NOT NULL,
    late INTEGER NOT NULL CHECK (late IN (0, 1)),
    answer TEXT,
    -- By how much an event changed what was used, where that is not simply its value.
    counted INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT;
INSERT INTO usage_event_told (tenant, id, customer, feature, value, occurred_at, received_at, window_start, late, answer)
SELECT tenant, id, customer, feature, value, occurred_at, received_at, window_start, late, answer FROM usage_event;
DROP TABLE usage_event;
ALTER TABLE usage_event_told RENAME TO usage_event;
CREATE INDEX usage_event_by_customer ON usage_event (tenant, customer, received_at, id);

-- What the clock has done is forgotten like answers: each step leads from a revision that is no more.
DROP INDEX operation_by_age;
CREATE INDEX operation_by_age ON operation (created_at) WHERE scope IN ('v1', 'clock');
