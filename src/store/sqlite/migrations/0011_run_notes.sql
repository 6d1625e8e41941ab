-- What checks of a run's images found that did not keep it from starting: domain/run-note.ts. Each once, in the order found.
CREATE TABLE run_notes (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs (id),
  image TEXT NOT NULL,
  code TEXT NOT NULL,
  text TEXT NOT NULL,
  mend TEXT,
  UNIQUE (run_id, image, code)
) STRICT;

-- How many were found beyond the number that is kept.
ALTER TABLE runs ADD COLUMN notes_omitted INTEGER NOT NULL DEFAULT 0;

-- Which runs of a project and domain used a reference, the newest first: whether its tag has moved since. The columns
-- repeat those of the run, so that runs of other projects with the same reference are not read.
ALTER TABLE run_images ADD COLUMN project TEXT NOT NULL DEFAULT '';
ALTER TABLE run_images ADD COLUMN domain TEXT NOT NULL DEFAULT '';
UPDATE run_images SET (project, domain) = (SELECT project, domain FROM runs WHERE runs.id = run_images.run_id);
CREATE INDEX run_images_by_reference ON run_images (reference, project, domain, run_id);

-- References that name what they name, not what an earlier run pinned (--image-policy pinned): pins up to this run do not count.
CREATE TABLE image_unpins (
  reference TEXT PRIMARY KEY,
  up_to_run INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
