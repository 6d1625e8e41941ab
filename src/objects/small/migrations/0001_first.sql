-- One row has what the file of a larger object has (objects/directory/object-file.ts).
CREATE TABLE objects (
  id INTEGER PRIMARY KEY,
  -- Compared byte by byte, in UTF-8: the order in which keys are listed.
  key TEXT NOT NULL UNIQUE COLLATE BINARY,
  -- The description, as it is at the end of a file.
  trailer BLOB NOT NULL,
  -- Encrypted if the description has a salt.
  content BLOB NOT NULL
) STRICT;

-- Keys that have a file beside their row, while one takes the place of the other: the row is the object.
CREATE TABLE hidden_files (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
