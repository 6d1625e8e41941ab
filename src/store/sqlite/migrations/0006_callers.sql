-- Whose rights the run has at most: the id of a token, or NULL where calls were not authenticated.
ALTER TABLE runs ADD COLUMN authority TEXT;
-- The run a task of which started this one.
ALTER TABLE runs ADD COLUMN started_by INTEGER REFERENCES runs (id);
