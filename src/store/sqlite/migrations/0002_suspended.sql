-- Why the present attempt does not go on, though the action waits in no queue: domain/action.ts, ActionState.
ALTER TABLE actions ADD COLUMN suspended TEXT CHECK (suspended IS NULL OR (
  suspended IN ('waiting', 'parked') AND phase = 'waiting_for_resources' AND attempt >= 1));

DROP INDEX actions_queue;
CREATE INDEX actions_queue ON actions (queue, run_id, not_before, id)
  WHERE (phase IN ('queued', 'waiting_for_resources') AND suspended IS NOT 'waiting');
DROP INDEX actions_live;
CREATE INDEX actions_live ON actions (id) WHERE (phase IN ('initializing', 'running') OR suspended = 'waiting');
