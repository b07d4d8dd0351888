-- What card providers sign their webhooks with, sealed. While one is replaced, the one before it holds until it expires.
CREATE TABLE webhook_secret (
    tenant BLOB NOT NULL,
    provider TEXT NOT NULL,
    id BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (tenant, provider, id)
) STRICT, WITHOUT ROWID;
