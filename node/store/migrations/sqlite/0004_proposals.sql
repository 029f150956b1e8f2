-- Several texts of one version may wait for signatures, so that nobody blocks an honest one by proposing first.
CREATE TABLE agreement_text (
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL,
    digest     BLOB NOT NULL,
    signed     TEXT NOT NULL,
    state      TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (id, version, digest)
) STRICT;
INSERT INTO agreement_text (id, version, digest, signed, state, changed_at)
    SELECT id, version, digest, signed, state, changed_at FROM agreement;
DROP TABLE agreement;
ALTER TABLE agreement_text RENAME TO agreement;
