-- What comes before the oldest row, in one row; the trail ends with its last row.
CREATE TABLE chain (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    chain_id TEXT NOT NULL,
    anchor_seq INTEGER NOT NULL,
    anchor_mac TEXT NOT NULL,
    signature TEXT NOT NULL
);

-- The rows; whom they are about and who acted is taken from what is sealed, so that neither can be changed by itself.
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    mac TEXT NOT NULL,
    subject TEXT GENERATED ALWAYS AS (json_extract(body, '$.subject')) VIRTUAL,
    actor TEXT GENERATED ALWAYS AS (json_extract(body, '$.actor')) VIRTUAL
);

CREATE INDEX entry_subject ON entry (subject, seq) WHERE subject NOTNULL;
CREATE INDEX entry_actor ON entry (actor, seq) WHERE actor NOTNULL;

-- One random value for each person whom a row is about or of: without it nobody can tell whose pseudonym it is.
CREATE TABLE salt (
    name TEXT PRIMARY KEY,
    salt BLOB NOT NULL,
    used_day INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX salt_used_day ON salt (used_day);
