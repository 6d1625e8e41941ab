-- What a run shows as a whole: domain/run-status.ts, which a test compares with this view.
CREATE VIEW run_statuses AS
SELECT root.run_id, CASE
  WHEN root.phase = 'recovered' THEN 'succeeded'
  WHEN root.ended_at IS NOT NULL THEN root.phase
  WHEN EXISTS (SELECT 1 FROM actions WHERE actions.run_id = root.run_id AND actions.phase = 'paused') THEN 'paused'
  WHEN root.phase IN ('initializing', 'running') OR root.suspended = 'parked' THEN 'running'
  ELSE 'queued'
END AS status
FROM actions AS root WHERE root.name = 'a0';

ALTER TABLE runs ADD COLUMN status TEXT NOT NULL DEFAULT 'queued'
  CHECK (status IN ('queued', 'running', 'paused', 'succeeded', 'failed', 'aborted', 'timed_out'));
UPDATE runs SET status = coalesce((SELECT status FROM run_statuses WHERE run_id = runs.id), 'queued');

-- Lists by status, newest first, and their counts: of one project and domain, and of all.
CREATE INDEX runs_by_status ON runs (project, domain, status, accepted_at, id);
CREATE INDEX all_runs_by_status ON runs (status, accepted_at, id);
CREATE INDEX all_runs_newest ON runs (accepted_at, id);

-- Triggers, so that no statement that changes a phase can forget it.
CREATE TRIGGER actions_insert_status AFTER INSERT ON actions WHEN new.name = 'a0' OR new.phase = 'paused'
BEGIN
  UPDATE runs SET status = (SELECT status FROM run_statuses WHERE run_id = new.run_id) WHERE id = new.run_id;
END;

CREATE TRIGGER actions_change_status AFTER UPDATE OF phase, suspended ON actions
WHEN (new.name = 'a0' AND (old.phase <> new.phase OR old.suspended IS NOT new.suspended))
  OR (old.phase = 'paused') <> (new.phase = 'paused')
BEGIN
  UPDATE runs SET status = (SELECT status FROM run_statuses WHERE run_id = new.run_id) WHERE id = new.run_id;
END;

-- What an action's children are: in the order in which they were accepted, and those that failed, first end first.
CREATE INDEX actions_children ON actions (run_id, parent, id);
CREATE INDEX actions_failed ON actions (run_id, parent, ended_at, id) WHERE phase IN ('failed', 'timed_out');

-- What of a run waits in queues.
CREATE INDEX waiting_runs_of_run ON waiting_runs (run_id);
