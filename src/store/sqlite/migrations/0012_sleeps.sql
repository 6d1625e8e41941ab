-- When a sleep (domain/sleep.ts) that has not ended goes on. Such an action is neither in a queue nor at an executor.
ALTER TABLE actions ADD COLUMN wake_at INTEGER CHECK (wake_at IS NULL OR ended_at IS NULL);

DROP INDEX actions_queue;
CREATE INDEX actions_queue ON actions (queue, run_id, not_before, id)
  WHERE (phase IN ('queued', 'waiting_for_resources') AND suspended IS NOT 'waiting' AND wake_at IS NULL);
DROP INDEX actions_delayed;
CREATE INDEX actions_delayed ON actions (not_before)
  WHERE (phase IN ('queued', 'waiting_for_resources') AND suspended IS NOT 'waiting' AND wake_at IS NULL);
DROP INDEX actions_live;
CREATE INDEX actions_live ON actions (id)
  WHERE ((phase IN ('initializing', 'running') OR suspended = 'waiting') AND wake_at IS NULL);

DROP TRIGGER actions_enter_queue;
CREATE TRIGGER actions_enter_queue AFTER INSERT ON actions
WHEN (new.phase IN ('queued', 'waiting_for_resources') AND new.suspended IS NOT 'waiting' AND new.wake_at IS NULL)
BEGIN
  INSERT INTO waiting_runs (queue, run_id, not_before, action_id)
  VALUES (new.queue, new.run_id, new.not_before, new.id)
  ON CONFLICT DO UPDATE SET not_before = excluded.not_before, action_id = excluded.action_id
  WHERE (excluded.not_before, excluded.action_id) < (not_before, action_id);
END;

DROP TRIGGER actions_change_queue;
CREATE TRIGGER actions_change_queue AFTER UPDATE OF phase, suspended, not_before, wake_at ON actions
WHEN (old.phase IN ('queued', 'waiting_for_resources') AND old.suspended IS NOT 'waiting' AND old.wake_at IS NULL)
  OR (new.phase IN ('queued', 'waiting_for_resources') AND new.suspended IS NOT 'waiting' AND new.wake_at IS NULL)
BEGIN
  DELETE FROM waiting_runs WHERE queue = new.queue AND run_id = new.run_id;
  INSERT INTO waiting_runs (queue, run_id, not_before, action_id)
  SELECT queue, run_id, not_before, id FROM actions
  WHERE (phase IN ('queued', 'waiting_for_resources') AND suspended IS NOT 'waiting' AND wake_at IS NULL)
    AND queue = new.queue AND run_id = new.run_id
  ORDER BY not_before, id LIMIT 1;
END;
