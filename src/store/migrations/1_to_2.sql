-- schema.sql describes the tables and columns. What reads the old indexes takes place in migrate.rs.
ALTER TABLE store ADD COLUMN fingerprint_key BLOB NOT NULL DEFAULT x'';
ALTER TABLE store ADD COLUMN definitions INTEGER NOT NULL DEFAULT 0;
UPDATE store SET fingerprint_key = randomblob(16);

CREATE TABLE customer_index (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_table INTEGER NOT NULL REFERENCES customer_table (id),
    is_key INTEGER NOT NULL CHECK (is_key IN (0, 1)),
    fields TEXT NOT NULL
) STRICT;

CREATE TABLE customer_index_segment (
    customer_index INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    target INTEGER,
    stamp INTEGER NOT NULL,
    PRIMARY KEY (customer_index, segment)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer_index_block (
    id INTEGER PRIMARY KEY,
    entries BLOB NOT NULL
) STRICT;

ALTER TABLE dial_entry ADD COLUMN may_move INTEGER;
UPDATE dial_entry SET may_move = 1 WHERE campaign IN (
    SELECT c.id FROM campaign c JOIN package p ON p.id = c.package JOIN team t ON t.main_table = p.customer_table);
DROP INDEX dial_entry_customer;
CREATE INDEX dial_entry_customer ON dial_entry (campaign, customer) WHERE may_move;

CREATE TABLE login_guess (
    bucket INTEGER PRIMARY KEY,
    failures REAL NOT NULL,
    counted_at INTEGER NOT NULL,
    free_at INTEGER NOT NULL
) STRICT;

ALTER TABLE job ADD COLUMN order_rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN order_digest INTEGER NOT NULL DEFAULT 0;
