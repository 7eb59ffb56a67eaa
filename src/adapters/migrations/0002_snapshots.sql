-- What was derived on a day, for people and other readers; never read for an answer.
CREATE TABLE snapshot (
    student INTEGER NOT NULL REFERENCES student ON DELETE CASCADE,
    key TEXT NOT NULL,
    day INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (student, key)
) WITHOUT ROWID;
