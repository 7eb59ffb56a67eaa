-- What people of the service set up as a whole, such as the curriculum; `version` is another one after every change.
CREATE TABLE document (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
