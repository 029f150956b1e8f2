-- Several texts of one version may wait for signatures, so that nobody blocks an honest one by proposing first.
ALTER TABLE agreement DROP CONSTRAINT agreement_pkey;
ALTER TABLE agreement ADD PRIMARY KEY (id, version, digest);
