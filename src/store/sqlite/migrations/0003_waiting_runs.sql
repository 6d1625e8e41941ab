-- The runs that wait in each queue, with the action of each that waits the longest: what the dispatcher reads in
-- order, at the same cost whatever number of runs or actions waits.
CREATE TABLE waiting_runs (
  queue TEXT NOT NULL,
  run_id INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  action_id INTEGER NOT NULL,
  PRIMARY KEY (queue, run_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX waiting_runs_longest ON waiting_runs (queue, not_before, action_id);

INSERT INTO waiting_runs (queue, run_id, not_before, action_id)
SELECT queue, run_id, not_before, id FROM (
  SELECT queue, run_id, not_before, id,
    row_number() OVER (PARTITION BY queue, run_id ORDER BY not_before, id) AS rank
  FROM actions WHERE (phase IN ('queued', 'waiting_for_resources') AND suspended IS NOT 'waiting'))
WHERE rank = 1;

-- Triggers, so that no statement that moves an action in or out of a queue can forget it.
CREATE TRIGGER actions_enter_queue AFTER INSERT ON actions
WHEN (new.phase IN ('queued', 'waiting_for_resources') AND new.suspended IS NOT 'waiting')
BEGIN
  INSERT INTO waiting_runs (queue, run_id, not_before, action_id)
  VALUES (new.queue, new.run_id, new.not_before, new.id)
  ON CONFLICT DO UPDATE SET not_before = excluded.not_before, action_id = excluded.action_id
  WHERE (excluded.not_before, excluded.action_id) < (not_before, action_id);
END;

CREATE TRIGGER actions_change_queue AFTER UPDATE OF phase, suspended, not_before ON actions
WHEN (old.phase IN ('queued', 'waiting_for_resources') AND old.suspended IS NOT 'waiting')
  OR (new.phase IN ('queued', 'waiting_for_resources') AND new.suspended IS NOT 'waiting')
BEGIN
  DELETE FROM waiting_runs WHERE queue = new.queue AND run_id = new.run_id;
  INSERT INTO waiting_runs (queue, run_id, not_before, action_id)
  SELECT queue, run_id, not_before, id FROM actions
  WHERE (phase IN ('queued', 'waiting_for_resources') AND suspended IS NOT 'waiting')
    AND queue = new.queue AND run_id = new.run_id
  ORDER BY not_before, id LIMIT 1;
END;
