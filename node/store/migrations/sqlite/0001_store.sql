-- The database's own keys, each sealed under a master key (see src/shared/keyring.rs).
CREATE TABLE store_key (
    key_id  INTEGER PRIMARY KEY CHECK (key_id BETWEEN 0 AND 255),
    wrapped BLOB NOT NULL
) STRICT;
