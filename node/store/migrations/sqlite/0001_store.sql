-- The database's own keys, each sealed under a master key (src/shared/keyring.rs).
CREATE TABLE store_key (
    key_id  INTEGER PRIMARY KEY CHECK (key_id BETWEEN 0 AND 255),
    wrapped BLOB NOT NULL
) STRICT;

-- Columns named "sealed" hold ciphertext bound to their row (src/cipher.rs); "blind" ones are keyed look-up indexes.
-- Instants are Unix seconds, days are ISO texts, row ids are the 16 octets of a UUIDv7.

-- Permits: the current row, and the events that led to it.
CREATE TABLE permit (
    id                  BLOB PRIMARY KEY NOT NULL,
    version             INTEGER NOT NULL,
    number_blind        BLOB NOT NULL UNIQUE,
    id_number_blind     BLOB NOT NULL,
    status              TEXT NOT NULL,
    endorsed_until      TEXT NOT NULL,
    anniversary         TEXT NOT NULL,
    replaced_by         BLOB,
    changed_at          INTEGER NOT NULL,
    details_sealed      BLOB NOT NULL,
    -- Until when an attestation of what the permit says now is good; 0 when there is none.
    attested_until      INTEGER NOT NULL
) STRICT;
CREATE INDEX permit_by_id_number ON permit (id_number_blind);
CREATE INDEX permit_to_attest ON permit (status, attested_until);

CREATE TABLE permit_event (
    permit       BLOB NOT NULL,
    version      INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    actor        TEXT NOT NULL,
    event_sealed BLOB NOT NULL,
    PRIMARY KEY (permit, version)
) STRICT;

CREATE TABLE register_file (
    digest       BLOB PRIMARY KEY NOT NULL,
    sequence     INTEGER NOT NULL UNIQUE,
    is_full      INTEGER NOT NULL,
    row_count    INTEGER NOT NULL,
    source_as_of INTEGER NOT NULL,
    applied_at   INTEGER NOT NULL
) STRICT;

-- Our own status lists and what their entries stand for.
CREATE TABLE status_list (
    id                INTEGER PRIMARY KEY,
    uri               TEXT NOT NULL UNIQUE,
    seed_sealed       BLOB NOT NULL,
    created_at        INTEGER NOT NULL,
    next_position     INTEGER NOT NULL,
    changes           INTEGER NOT NULL,
    published_changes INTEGER NOT NULL,
    published_iat     INTEGER,
    token             TEXT
) STRICT;

CREATE TABLE issuance (
    id             BLOB PRIMARY KEY NOT NULL,
    permit         BLOB NOT NULL REFERENCES permit (id),
    permit_version INTEGER NOT NULL,
    form           TEXT NOT NULL,
    list           INTEGER NOT NULL REFERENCES status_list (id),
    entry          INTEGER NOT NULL CHECK (entry BETWEEN 0 AND 131071),
    position       INTEGER NOT NULL,
    iat            INTEGER NOT NULL,
    exp            INTEGER NOT NULL,
    status         INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3),
    digest         BLOB NOT NULL,
    token_sealed   BLOB NOT NULL,
    UNIQUE (list, entry)
) STRICT;
CREATE INDEX issuance_by_permit ON issuance (permit, exp);
CREATE INDEX issuance_by_exp ON issuance (exp);
CREATE INDEX issuance_by_iat ON issuance (iat);
CREATE INDEX issuance_nonzero ON issuance (list) WHERE status <> 0;

CREATE TABLE decoy (
    list   INTEGER NOT NULL REFERENCES status_list (id),
    entry  INTEGER NOT NULL CHECK (entry BETWEEN 0 AND 131071),
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3),
    PRIMARY KEY (list, entry)
) STRICT;

-- What was accepted from others; the newest of each is also the floor below which nothing is accepted.
CREATE TABLE statement (
    iss TEXT NOT NULL,
    sub TEXT NOT NULL,
    iat INTEGER NOT NULL,
    exp INTEGER NOT NULL,
    jws TEXT NOT NULL,
    PRIMARY KEY (iss, sub)
) STRICT;

CREATE TABLE member_list (
    iss TEXT PRIMARY KEY NOT NULL,
    seq INTEGER NOT NULL,
    iat INTEGER NOT NULL,
    exp INTEGER NOT NULL,
    jws TEXT NOT NULL
) STRICT;

CREATE TABLE peer_status (
    uri   TEXT PRIMARY KEY NOT NULL,
    iss   TEXT NOT NULL,
    iat   INTEGER NOT NULL,
    exp   INTEGER NOT NULL,
    etag  TEXT,
    token TEXT NOT NULL
) STRICT;

CREATE TABLE tombstone (
    uri     TEXT NOT NULL,
    entry   INTEGER NOT NULL,
    status  INTEGER NOT NULL CHECK (status IN (1, 3)),
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (uri, entry)
) STRICT;

CREATE TABLE agreement (
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL,
    digest     BLOB NOT NULL,
    signed     TEXT NOT NULL,
    state      TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (id, version)
) STRICT;

CREATE TABLE withdrawal (
    id  TEXT NOT NULL,
    iss TEXT NOT NULL,
    iat INTEGER NOT NULL,
    jws TEXT NOT NULL,
    PRIMARY KEY (id, iss, iat)
) STRICT;

-- Replay memory.
CREATE TABLE answer (
    scope         TEXT NOT NULL,
    request_key   TEXT NOT NULL,
    request       BLOB NOT NULL,
    answer_sealed BLOB NOT NULL,
    keep_until    INTEGER NOT NULL,
    PRIMARY KEY (scope, request_key)
) STRICT;
CREATE INDEX answer_by_end ON answer (keep_until);

-- The hash-chained record and its signed heads.
CREATE TABLE record_line (
    seq  INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    body TEXT NOT NULL,
    link BLOB NOT NULL
) STRICT;

CREATE TABLE record_head (
    seq  INTEGER PRIMARY KEY,
    link BLOB NOT NULL,
    jws  TEXT NOT NULL
) STRICT;

-- Verifications at our own windows.
CREATE TABLE recognition (
    trace          TEXT PRIMARY KEY NOT NULL,
    version        INTEGER NOT NULL,
    officer        TEXT NOT NULL,
    at             INTEGER NOT NULL,
    details_sealed BLOB NOT NULL,
    holder_sealed  BLOB,
    status_uri     TEXT,
    status_entry   INTEGER,
    erase_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX recognition_by_officer ON recognition (officer, at);
CREATE INDEX recognition_by_status ON recognition (status_uri, status_entry) WHERE status_uri IS NOT NULL;
CREATE INDEX recognition_to_erase ON recognition (erase_at) WHERE holder_sealed IS NOT NULL;

CREATE TABLE officer (
    id           TEXT PRIMARY KEY NOT NULL,
    name_sealed  BLOB NOT NULL,
    roles        TEXT NOT NULL,
    password     TEXT NOT NULL,
    active       INTEGER NOT NULL,
    failures     INTEGER NOT NULL,
    locked_until INTEGER
) STRICT;

CREATE TABLE officer_session (
    token   BLOB PRIMARY KEY NOT NULL,
    officer TEXT NOT NULL REFERENCES officer (id),
    csrf    TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX officer_session_by_end ON officer_session (expires);

CREATE TABLE pending_act (
    id            BLOB PRIMARY KEY NOT NULL,
    permit        BLOB NOT NULL REFERENCES permit (id),
    reason_sealed BLOB NOT NULL,
    proposed_by   TEXT NOT NULL,
    at            INTEGER NOT NULL,
    decided_by    TEXT,
    approved      INTEGER
) STRICT;
CREATE INDEX pending_act_waiting ON pending_act (id) WHERE decided_by IS NULL;

CREATE TABLE outbox (
    id       BLOB PRIMARY KEY NOT NULL,
    peer     TEXT NOT NULL,
    message  TEXT NOT NULL,
    next_at  INTEGER NOT NULL,
    attempts INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (next_at);

CREATE TABLE setting (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

-- Appended, never changed: whatever a lawyer may ask about.
CREATE TRIGGER permit_event_no_update BEFORE UPDATE ON permit_event
BEGIN SELECT RAISE(ABORT, 'permit_event is append-only'); END;
CREATE TRIGGER permit_event_no_delete BEFORE DELETE ON permit_event
BEGIN SELECT RAISE(ABORT, 'permit_event is append-only'); END;
CREATE TRIGGER record_line_no_update BEFORE UPDATE ON record_line
BEGIN SELECT RAISE(ABORT, 'record_line is append-only'); END;
CREATE TRIGGER record_line_no_delete BEFORE DELETE ON record_line
BEGIN SELECT RAISE(ABORT, 'record_line is append-only'); END;
CREATE TRIGGER record_head_no_update BEFORE UPDATE ON record_head
BEGIN SELECT RAISE(ABORT, 'record_head is append-only'); END;
CREATE TRIGGER record_head_no_delete BEFORE DELETE ON record_head
BEGIN SELECT RAISE(ABORT, 'record_head is append-only'); END;
CREATE TRIGGER tombstone_no_delete BEFORE DELETE ON tombstone
BEGIN SELECT RAISE(ABORT, 'tombstone is append-only'); END;
