-- When a snapshot that is kept for less time than the state goes; NULL for the others.
ALTER TABLE snapshot ADD COLUMN until_us INTEGER;
