-- The database's own keys, each sealed under a master key (see src/shared/keyring.rs).
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
