-- Why the present attempt does not go on, though the action waits in no queue: domain/action.ts, ActionState.
ALTER TABLE actions ADD COLUMN suspended TEXT CHECK (suspended IS NULL OR (
  suspended IN ('waiting', 'parked') AND phase = 'waiting_for_resources' AND attempt >= 1));

DROP INDEX actions_queue;
CREATE INDEX actions_queue ON actions (queue, run_id, not_before, id)
  WHERE (phase IN ('queued', 'waiting_for_resources') AND suspended IS NOT 'waiting');
CREATE INDEX actions_delayed ON actions (not_before)
  WHERE (phase IN ('queued', 'waiting_for_resources') AND suspended IS NOT 'waiting');
DROP INDEX actions_live;
CREATE INDEX actions_live ON actions (id) WHERE (phase IN ('initializing', 'running') OR suspended = 'waiting');
-- What has not ended, by its parent.
DROP INDEX actions_by_parent;
CREATE INDEX actions_unfinished ON actions (run_id, parent) WHERE ended_at IS NULL;

-- What watches over many runs are cursors on.
CREATE INDEX actions_root_change ON actions (seq) WHERE name = 'a0';

-- Who drives the runs: whoever comes later gets a higher fence, and what is written with a lower one is refused.
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  fence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who made it: domain/principal.ts.
ALTER TABLE runs ADD COLUMN created_by TEXT NOT NULL DEFAULT 'local';
ALTER TABLE runs ADD COLUMN created_client TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN created_from TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN deployed_by TEXT NOT NULL DEFAULT 'local';
ALTER TABLE tasks ADD COLUMN deployed_client TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN deployed_from TEXT NOT NULL DEFAULT '';
-- Of a change that somebody asked for (accepted, aborted, answered): who.
ALTER TABLE events ADD COLUMN asked_by TEXT;

-- An effect that failed is put off; those that call strangers are read apart from those that end attempts.
ALTER TABLE effects ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE effects ADD COLUMN lane TEXT NOT NULL
  GENERATED ALWAYS AS (CASE effect ->> 'type' WHEN 'sendWebhook' THEN 'webhooks' ELSE 'own' END) VIRTUAL;
CREATE INDEX effects_due ON effects (lane, not_before, id);
