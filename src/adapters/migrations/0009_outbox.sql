-- What targets are still to hear, and when each is to be told next; `attempts` counts how often it was tried.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    notice_id TEXT NOT NULL,
    student_id TEXT NOT NULL,
    body TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    UNIQUE (target, notice_id)
);
CREATE INDEX outbox_due ON outbox (target, due_us);
CREATE INDEX outbox_of_student ON outbox (student_id);
