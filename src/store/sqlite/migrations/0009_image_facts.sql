-- What was found in images. A digest says that it is still true; facts of another version of the probe are not used.

CREATE TABLE image_facts (
  digest TEXT NOT NULL,
  platform TEXT NOT NULL,
  version INTEGER NOT NULL,
  facts TEXT NOT NULL CHECK (json_valid(facts)),
  probed_at INTEGER NOT NULL,
  PRIMARY KEY (digest, platform)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_facts_probed ON image_facts (probed_at);
