CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE projects (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  labels TEXT NOT NULL CHECK (json_valid(labels)),
  state TEXT NOT NULL CHECK (state IN ('active', 'archived')),
  created_at INTEGER NOT NULL
) STRICT;

-- One row per distinct specification: the children of a fan-out share it.
CREATE TABLE task_specs (
  digest TEXT PRIMARY KEY,
  bytes BLOB NOT NULL,
  definition TEXT NOT NULL CHECK (json_valid(definition))
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  id INTEGER PRIMARY KEY,
  project TEXT NOT NULL,
  domain TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  spec_digest TEXT NOT NULL REFERENCES task_specs (digest),
  deployed_at INTEGER NOT NULL,
  UNIQUE (project, domain, name, version)
) STRICT;

CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  project TEXT NOT NULL,
  domain TEXT NOT NULL,
  name TEXT NOT NULL,
  spec BLOB NOT NULL,
  settings TEXT NOT NULL CHECK (json_valid(settings)),
  base_uri TEXT NOT NULL,
  source TEXT NOT NULL,
  -- What the client calls the start of the run.
  created_at INTEGER NOT NULL,
  -- When the server accepted it: the order of lists.
  accepted_at INTEGER NOT NULL,
  -- How many it has: what its limit is compared with.
  actions INTEGER NOT NULL DEFAULT 0,
  -- When its logs were removed, long after its end.
  logs_removed_at INTEGER,
  UNIQUE (project, domain, name)
) STRICT;

CREATE INDEX runs_newest ON runs (project, domain, accepted_at, id);
CREATE INDEX runs_with_logs ON runs (accepted_at) WHERE logs_removed_at IS NULL;

CREATE TABLE actions (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs (id),
  name TEXT NOT NULL,
  parent TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('task', 'trace', 'condition')),
  group_name TEXT NOT NULL,
  -- Empty for the one that has no name.
  queue TEXT NOT NULL,
  spec_digest TEXT REFERENCES task_specs (digest),
  detail BLOB,
  display_name TEXT NOT NULL,
  task_name TEXT NOT NULL,
  task_version TEXT NOT NULL,
  task_type TEXT NOT NULL,
  environment TEXT NOT NULL,
  input_uri TEXT NOT NULL,
  policy TEXT NOT NULL CHECK (json_valid(policy)),
  -- How the action uses the cache: domain/action.ts, CacheUse.
  cache TEXT CHECK (cache IS NULL OR json_valid(cache)),
  phase TEXT NOT NULL CHECK (phase IN (
    'queued', 'waiting_for_resources', 'initializing', 'running', 'paused',
    'succeeded', 'failed', 'aborted', 'timed_out', 'recovered')),
  attempt INTEGER NOT NULL CHECK (attempt >= 0),
  user_failures INTEGER NOT NULL CHECK (user_failures >= 0),
  system_failures INTEGER NOT NULL CHECK (system_failures >= 0),
  created_at INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  started_at INTEGER,
  running_at INTEGER,
  ended_at INTEGER,
  reason TEXT,
  error TEXT CHECK (error IS NULL OR json_valid(error)),
  output_uri TEXT,
  value BLOB,
  abort_reason TEXT,
  cache_status TEXT NOT NULL CHECK (cache_status IN ('disabled', 'miss', 'hit', 'populated', 'skipped')),
  source TEXT CHECK (source IS NULL OR json_valid(source)),
  -- When the next time limit strikes, in milliseconds since the epoch.
  timer_at INTEGER,
  version INTEGER NOT NULL,
  -- The last change of this row, in the order of `events.seq`: what watches are cursors on.
  seq INTEGER NOT NULL,
  UNIQUE (run_id, name),
  CHECK ((name = 'a0') = (parent IS NULL)),
  CHECK ((kind = 'task') = (spec_digest IS NOT NULL)),
  CHECK ((ended_at IS NOT NULL) = (phase IN ('succeeded', 'failed', 'aborted', 'timed_out', 'recovered'))),
  CHECK (phase <> 'initializing' OR attempt >= 1),
  CHECK (phase <> 'failed' OR error IS NOT NULL),
  CHECK (phase <> 'timed_out' OR error IS NOT NULL),
  CHECK (timer_at IS NULL OR ended_at IS NULL)
) STRICT;

CREATE INDEX actions_by_change ON actions (run_id, seq);
CREATE INDEX actions_by_parent_change ON actions (run_id, parent, seq);
CREATE INDEX actions_by_age ON actions (run_id, created_at, id);
CREATE INDEX actions_by_parent ON actions (run_id, parent, ended_at);
CREATE INDEX actions_queue ON actions (queue, run_id, not_before, id) WHERE phase IN ('queued', 'waiting_for_resources');
CREATE INDEX actions_paused ON actions (run_id) WHERE phase = 'paused';
CREATE INDEX actions_live ON actions (id) WHERE phase IN ('initializing', 'running');
CREATE INDEX actions_timers ON actions (timer_at) WHERE timer_at IS NOT NULL;
CREATE INDEX actions_computing ON actions (cache ->> 'key') WHERE cache IS NOT NULL AND ended_at IS NULL;

CREATE TABLE attempts (
  action_id INTEGER NOT NULL REFERENCES actions (id),
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  exit_code INTEGER,
  outcome TEXT,
  error TEXT CHECK (error IS NULL OR json_valid(error)),
  output_uri TEXT,
  image TEXT CHECK (image IS NULL OR json_valid(image)),
  PRIMARY KEY (action_id, attempt)
) STRICT, WITHOUT ROWID;

-- Every change of an action's state, for ever in order.
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  action_id INTEGER NOT NULL REFERENCES actions (id),
  attempt INTEGER NOT NULL,
  phase TEXT NOT NULL,
  reason TEXT,
  at INTEGER NOT NULL
) STRICT;

CREATE INDEX events_by_action ON events (action_id, seq);

-- The outbox: what has to be done outside because of a change. A row goes when it was done.
CREATE TABLE effects (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  action_id INTEGER NOT NULL REFERENCES actions (id),
  effect TEXT NOT NULL CHECK (json_valid(effect)),
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX effects_by_action ON effects (action_id);

-- Results by content key. The newest of each project and domain.
CREATE TABLE cache_entries (
  key TEXT NOT NULL,
  project TEXT NOT NULL,
  domain TEXT NOT NULL,
  output_uri TEXT NOT NULL,
  source TEXT NOT NULL CHECK (json_valid(source)),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (key, project, domain)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_images (
  run_id INTEGER NOT NULL REFERENCES runs (id),
  reference TEXT NOT NULL,
  image TEXT NOT NULL CHECK (json_valid(image)),
  PRIMARY KEY (run_id, reference)
) STRICT, WITHOUT ROWID;

-- Images that this server built: images/build/service.ts, BuildRecord.
CREATE TABLE image_builds (
  target TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  record TEXT NOT NULL CHECK (json_valid(record)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX image_builds_by_name ON image_builds (name, created_at);

-- What a run may read beyond what it wrote itself. A uri that ends in '/' is a prefix.
CREATE TABLE grants (
  run_id INTEGER NOT NULL REFERENCES runs (id),
  uri TEXT NOT NULL,
  PRIMARY KEY (run_id, uri)
) STRICT, WITHOUT ROWID;
