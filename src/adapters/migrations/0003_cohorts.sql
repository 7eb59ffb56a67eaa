-- Cohorts and who belongs to them, as a student or as a teacher. The counts are kept beside, so that a list of cohorts
-- need not look at members; `version` is another one after every change.
CREATE TABLE cohort (
    id INTEGER PRIMARY KEY,
    cohort_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    students INTEGER NOT NULL,
    teachers INTEGER NOT NULL
);
CREATE TABLE cohort_member (
    cohort INTEGER NOT NULL REFERENCES cohort ON DELETE CASCADE,
    membership TEXT NOT NULL,
    member_id TEXT NOT NULL,
    PRIMARY KEY (cohort, membership, member_id)
) WITHOUT ROWID;
CREATE INDEX cohorts_of_member ON cohort_member (member_id, membership, cohort);
