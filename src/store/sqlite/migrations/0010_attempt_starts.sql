-- How the attempt was started: domain/attempt-start.ts. NULL of one that an earlier version started.
ALTER TABLE attempts ADD COLUMN start TEXT CHECK (start IS NULL OR json_valid(start));

-- How images can use a Python runtime: python-runtime/runtime-fit.ts. The key names the image, its interpreter and the runtime.
CREATE TABLE runtime_fits (
  key TEXT PRIMARY KEY,
  fit TEXT NOT NULL CHECK (json_valid(fit)),
  found_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runtime_fits_found ON runtime_fits (found_at);
