-- A supervisor may settle what a clerk began: both see it.
ALTER TABLE recognition ADD COLUMN settled_by TEXT;
CREATE INDEX recognition_by_settler ON recognition (settled_by, at) WHERE settled_by IS NOT NULL;
