-- The notice of a withdrawal counts from when it was first seen; of earlier rows nobody knows, and their iat stands.
ALTER TABLE withdrawal ADD COLUMN seen_at BIGINT;
