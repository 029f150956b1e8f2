-- A change of an officer says which version it read, so that a sign-in under way does not undo what an operator did.
ALTER TABLE officer ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
