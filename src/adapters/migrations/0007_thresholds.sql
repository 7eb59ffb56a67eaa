-- Where the triage of a cohort draws its lines, as JSON; NULL for the usual ones.
ALTER TABLE cohort ADD COLUMN thresholds TEXT;
