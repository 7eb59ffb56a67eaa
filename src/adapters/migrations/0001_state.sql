-- The state of students. `first_day` and `last_day` span what is kept of a student, so that retention finds them.
CREATE TABLE student (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    events INTEGER NOT NULL,
    first_day INTEGER NOT NULL,
    last_day INTEGER NOT NULL
);
CREATE TABLE evidence (
    student INTEGER PRIMARY KEY REFERENCES student ON DELETE CASCADE,
    body BLOB NOT NULL
);
CREATE TABLE recent (
    student INTEGER PRIMARY KEY REFERENCES student ON DELETE CASCADE,
    answers BLOB NOT NULL,
    others BLOB NOT NULL
);
-- One row an event counted: the digest of its id, its day, and for as long as `checked_day` is recent the digest of
-- its content.
CREATE TABLE counted (
    student INTEGER NOT NULL REFERENCES student ON DELETE CASCADE,
    digest INTEGER NOT NULL,
    day INTEGER NOT NULL,
    content INTEGER,
    checked_day INTEGER NOT NULL,
    PRIMARY KEY (student, digest)
) WITHOUT ROWID;
