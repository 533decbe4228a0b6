BEGIN IMMEDIATE;

DROP TABLE counters;

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

PRAGMA user_version = 2;

COMMIT;
