-- What the caller was told right after a use, where it is to be told again. Words, not facts: the transfer has those.
ALTER TABLE usage_event ADD COLUMN answer TEXT;

-- Answers of the billing API are kept for a day: this finds the older ones.
CREATE INDEX operation_by_age ON operation (created_at) WHERE scope = 'v1';

-- The trail is read newest first, from a line on.
CREATE INDEX audit_by_time ON audit (tenant, created_at, chain, seq);
