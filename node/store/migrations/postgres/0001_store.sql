-- The database's own keys, each sealed under a master key (src/shared/keyring.rs).
CREATE TABLE store_key (
    key_id  BIGINT PRIMARY KEY CHECK (key_id BETWEEN 0 AND 255),
    wrapped BYTEA NOT NULL
);

-- One row: which start of the node may write (epoch), and how many groups it has begun to commit. Every group
-- updates it under its own epoch, so an instance that was taken over cannot commit, and after a lost reply to
-- COMMIT the number tells whether the group is there.
CREATE TABLE store_instance (
    id      BIGINT PRIMARY KEY CHECK (id = 1),
    epoch   BIGINT NOT NULL,
    commits BIGINT NOT NULL
);
INSERT INTO store_instance (id, epoch, commits) VALUES (1, 0, 0);

-- Columns named "sealed" hold ciphertext bound to their row (src/cipher.rs); "blind" ones are keyed look-up indexes.
-- Instants are Unix seconds, days are ISO texts, row ids are the 16 octets of a UUIDv7.

-- Permits: the current row, and the events that led to it.
CREATE TABLE permit (
    id                  BYTEA PRIMARY KEY,
    version             BIGINT NOT NULL,
    number_blind        BYTEA NOT NULL UNIQUE,
    id_number_blind     BYTEA NOT NULL,
    status              TEXT NOT NULL,
    endorsed_until      TEXT NOT NULL,
    anniversary         TEXT NOT NULL,
    replaced_by         BYTEA,
    changed_at          BIGINT NOT NULL,
    details_sealed      BYTEA NOT NULL,
    -- Until when an attestation of what the permit says now is good; 0 when there is none.
    attested_until      BIGINT NOT NULL
);
CREATE INDEX permit_by_id_number ON permit (id_number_blind);
CREATE INDEX permit_to_attest ON permit (status, attested_until);

CREATE TABLE permit_event (
    permit       BYTEA NOT NULL,
    version      BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    actor        TEXT NOT NULL,
    event_sealed BYTEA NOT NULL,
    PRIMARY KEY (permit, version)
);

CREATE TABLE register_file (
    digest       BYTEA PRIMARY KEY,
    sequence     BIGINT NOT NULL UNIQUE,
    is_full      BIGINT NOT NULL,
    row_count    BIGINT NOT NULL,
    source_as_of BIGINT NOT NULL,
    applied_at   BIGINT NOT NULL
);

-- Our own status lists and what their entries stand for.
CREATE TABLE status_list (
    id                BIGINT PRIMARY KEY,
    uri               TEXT NOT NULL UNIQUE,
    seed_sealed       BYTEA NOT NULL,
    created_at        BIGINT NOT NULL,
    next_position     BIGINT NOT NULL,
    changes           BIGINT NOT NULL,
    published_changes BIGINT NOT NULL,
    published_iat     BIGINT,
    token             TEXT
);

CREATE TABLE issuance (
    id             BYTEA PRIMARY KEY,
    permit         BYTEA NOT NULL REFERENCES permit (id),
    permit_version BIGINT NOT NULL,
    form           TEXT NOT NULL,
    list           BIGINT NOT NULL REFERENCES status_list (id),
    entry          BIGINT NOT NULL CHECK (entry BETWEEN 0 AND 131071),
    position       BIGINT NOT NULL,
    iat            BIGINT NOT NULL,
    exp            BIGINT NOT NULL,
    status         BIGINT NOT NULL CHECK (status BETWEEN 0 AND 3),
    digest         BYTEA NOT NULL,
    token_sealed   BYTEA NOT NULL,
    UNIQUE (list, entry)
);
CREATE INDEX issuance_by_permit ON issuance (permit, exp);
CREATE INDEX issuance_by_exp ON issuance (exp);
CREATE INDEX issuance_by_iat ON issuance (iat);
CREATE INDEX issuance_nonzero ON issuance (list) WHERE status <> 0;

CREATE TABLE decoy (
    list   BIGINT NOT NULL REFERENCES status_list (id),
    entry  BIGINT NOT NULL CHECK (entry BETWEEN 0 AND 131071),
    status BIGINT NOT NULL CHECK (status BETWEEN 0 AND 3),
    PRIMARY KEY (list, entry)
);

-- What was accepted from others; the newest of each is also the floor below which nothing is accepted.
CREATE TABLE statement (
    iss TEXT NOT NULL,
    sub TEXT NOT NULL,
    iat BIGINT NOT NULL,
    exp BIGINT NOT NULL,
    jws TEXT NOT NULL,
    PRIMARY KEY (iss, sub)
);

CREATE TABLE member_list (
    iss TEXT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL,
    iat BIGINT NOT NULL,
    exp BIGINT NOT NULL,
    jws TEXT NOT NULL
);

CREATE TABLE peer_status (
    uri   TEXT PRIMARY KEY NOT NULL,
    iss   TEXT NOT NULL,
    iat   BIGINT NOT NULL,
    exp   BIGINT NOT NULL,
    etag  TEXT,
    token TEXT NOT NULL
);

CREATE TABLE tombstone (
    uri     TEXT NOT NULL,
    entry   BIGINT NOT NULL,
    status  BIGINT NOT NULL CHECK (status IN (1, 3)),
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (uri, entry)
);

CREATE TABLE agreement (
    id         TEXT NOT NULL,
    version    BIGINT NOT NULL,
    digest     BYTEA NOT NULL,
    signed     TEXT NOT NULL,
    state      TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (id, version)
);

CREATE TABLE withdrawal (
    id  TEXT NOT NULL,
    iss TEXT NOT NULL,
    iat BIGINT NOT NULL,
    jws TEXT NOT NULL,
    PRIMARY KEY (id, iss, iat)
);

-- Replay memory.
CREATE TABLE answer (
    scope         TEXT NOT NULL,
    request_key   TEXT NOT NULL,
    request       BYTEA NOT NULL,
    answer_sealed BYTEA NOT NULL,
    keep_until    BIGINT NOT NULL,
    PRIMARY KEY (scope, request_key)
);
CREATE INDEX answer_by_end ON answer (keep_until);

-- The hash-chained record and its signed heads.
CREATE TABLE record_line (
    seq  BIGINT PRIMARY KEY,
    at   BIGINT NOT NULL,
    body TEXT NOT NULL,
    link BYTEA NOT NULL
);

CREATE TABLE record_head (
    seq  BIGINT PRIMARY KEY,
    link BYTEA NOT NULL,
    jws  TEXT NOT NULL
);

-- Verifications at our own windows.
CREATE TABLE recognition (
    trace          TEXT PRIMARY KEY NOT NULL,
    version        BIGINT NOT NULL,
    officer        TEXT NOT NULL,
    at             BIGINT NOT NULL,
    details_sealed BYTEA NOT NULL,
    holder_sealed  BYTEA,
    status_uri     TEXT,
    status_entry   BIGINT,
    erase_at       BIGINT NOT NULL
);
CREATE INDEX recognition_by_officer ON recognition (officer, at);
CREATE INDEX recognition_by_status ON recognition (status_uri, status_entry) WHERE status_uri IS NOT NULL;
CREATE INDEX recognition_to_erase ON recognition (erase_at) WHERE holder_sealed IS NOT NULL;

CREATE TABLE officer (
    id           TEXT PRIMARY KEY NOT NULL,
    name_sealed  BYTEA NOT NULL,
    roles        TEXT NOT NULL,
    password     TEXT NOT NULL,
    active       BIGINT NOT NULL,
    failures     BIGINT NOT NULL,
    locked_until BIGINT
);

CREATE TABLE officer_session (
    token   BYTEA PRIMARY KEY,
    officer TEXT NOT NULL REFERENCES officer (id),
    csrf    TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX officer_session_by_end ON officer_session (expires);

CREATE TABLE pending_act (
    id            BYTEA PRIMARY KEY,
    permit        BYTEA NOT NULL REFERENCES permit (id),
    reason_sealed BYTEA NOT NULL,
    proposed_by   TEXT NOT NULL,
    at            BIGINT NOT NULL,
    decided_by    TEXT,
    approved      BIGINT
);
CREATE INDEX pending_act_waiting ON pending_act (id) WHERE decided_by IS NULL;

CREATE TABLE outbox (
    id       BYTEA PRIMARY KEY,
    peer     TEXT NOT NULL,
    message  TEXT NOT NULL,
    next_at  BIGINT NOT NULL,
    attempts BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (next_at);

CREATE TABLE setting (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

-- Appended, never changed: whatever a lawyer may ask about.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER permit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON permit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER record_line_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON record_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER record_head_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON record_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tombstone_append_only BEFORE DELETE OR TRUNCATE ON tombstone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
