-- works with: 2

-- How many calls each platform account has used, on the database's clock: a bucket that leaks.
-- `granted` is what was drawn last.
CREATE UNLOGGED TABLE consent_sync.quota (
    account bytea PRIMARY KEY,
    at bigint NOT NULL,
    level double precision NOT NULL,
    granted double precision NOT NULL
) WITH (fillfactor = 50);

-- Which replicas share an account, and until when each counts.
CREATE UNLOGGED TABLE consent_sync.quota_share (
    account bytea NOT NULL,
    replica bytea NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (account, replica)
) WITH (fillfactor = 50);
