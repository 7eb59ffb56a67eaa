-- Batch jobs. `token` counts how often a job was taken, `attempts` how often since a result was last written; an id of
-- a request stands for who asked and their Idempotency-Key.
CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    batch_id TEXT NOT NULL UNIQUE,
    requester TEXT NOT NULL,
    request_key TEXT UNIQUE,
    content TEXT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    finished_us INTEGER,
    token INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    lease_until_us INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX open_batches ON batch (created_us) WHERE finished_us IS NULL;
-- What became of each student of a job: a status of NULL is still to be done.
CREATE TABLE batch_item (
    batch INTEGER NOT NULL REFERENCES batch ON DELETE CASCADE,
    position INTEGER NOT NULL,
    student_id TEXT NOT NULL,
    status TEXT,
    level_changed INTEGER NOT NULL DEFAULT 0,
    body TEXT,
    PRIMARY KEY (batch, position)
);
-- Progress is counted in this index alone, which holds no results.
CREATE INDEX batch_progress ON batch_item (batch, status, level_changed, position, student_id);
CREATE UNIQUE INDEX batch_items_of_student ON batch_item (student_id, batch);
