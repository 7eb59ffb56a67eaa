-- Who was erased, by pseudonym: events received before `consented_us` are refused, all where it is null. Kept for ever.
CREATE TABLE erasure (
    subject TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    consented_us INTEGER
) WITHOUT ROWID;
