-- What yoyo kept for itself in databases of versions 1 to 7, with the lock of a process that was killed.
CREATE TABLE yoyo_lock (locked INT DEFAULT 1, ctime TIMESTAMP, pid INT NOT NULL, PRIMARY KEY (locked));
CREATE TABLE _yoyo_log (
  id VARCHAR(36), migration_hash VARCHAR(64), migration_id VARCHAR(255), operation VARCHAR(10), username VARCHAR(255),
  hostname VARCHAR(255), comment VARCHAR(255), created_at_utc TIMESTAMP, PRIMARY KEY (id)
);
CREATE TABLE _yoyo_version (version INT NOT NULL PRIMARY KEY, installed_at_utc TIMESTAMP);
CREATE TABLE _yoyo_migration (
  migration_hash VARCHAR(64), migration_id VARCHAR(255), applied_at_utc TIMESTAMP, PRIMARY KEY (migration_hash)
);
INSERT INTO yoyo_lock (locked, pid) VALUES (1, 4242);
INSERT INTO _yoyo_version (version) VALUES (2);
INSERT INTO _yoyo_migration (migration_hash, migration_id) VALUES ('0d132230', '0001_first_schema');
