-- What a client shows instead of a token for a while: domain/session.ts.
CREATE TABLE sessions (
  kind TEXT NOT NULL,
  hash TEXT NOT NULL,
  token TEXT NOT NULL REFERENCES tokens (id),
  until INTEGER NOT NULL,
  PRIMARY KEY (kind, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_token ON sessions (token, kind, until);
CREATE INDEX sessions_until ON sessions (until);
