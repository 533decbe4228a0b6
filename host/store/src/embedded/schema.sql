-- Comments inside a statement are kept by SQLite, so that `.schema` explains the file to whoever opens it.

CREATE TABLE shards (
    -- The homes 0 to n - 1. Their number is fixed when the store is created: public ids carry it.
    shard    INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL  -- of the last commit to this shard
) STRICT;

CREATE TABLE records (
    shard   INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    version INTEGER NOT NULL,  -- the shard's sequence number of the commit that put it
    value   BLOB    NOT NULL,
    forget_after INTEGER,  -- a time in milliseconds after which nobody needs it; null: keep it for ever
    PRIMARY KEY (shard, key)
) STRICT;

CREATE INDEX records_to_forget ON records (forget_after) WHERE forget_after IS NOT NULL;

CREATE TABLE index_entries (
    shard  INTEGER NOT NULL,
    name   TEXT    NOT NULL,  -- of the index
    member TEXT    NOT NULL,
    score  INTEGER NOT NULL,  -- mostly a time in milliseconds
    PRIMARY KEY (shard, name, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX index_order ON index_entries (shard, name, score, member);

CREATE TABLE log_entries (
    shard    INTEGER NOT NULL,
    log      TEXT    NOT NULL,
    sequence INTEGER NOT NULL,  -- from 1, without a gap
    value    BLOB    NOT NULL,
    PRIMARY KEY (shard, log, sequence)
) STRICT;

CREATE TABLE counter_groups (
    shard INTEGER NOT NULL,
    name  TEXT    NOT NULL,
    forget_after INTEGER,  -- as with records
    PRIMARY KEY (shard, name)
) STRICT;

CREATE INDEX counter_groups_to_forget ON counter_groups (forget_after) WHERE forget_after IS NOT NULL;

CREATE TABLE counters (
    shard INTEGER NOT NULL,
    grp   TEXT    NOT NULL,  -- the group, by name
    name  TEXT    NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (shard, grp, name)
) STRICT, WITHOUT ROWID;
