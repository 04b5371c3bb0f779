-- schema.sql describes the tables and columns. What reads the old indexes takes place in migrate.rs; views.sql comes last.
ALTER TABLE store ADD COLUMN home_inode INTEGER NOT NULL DEFAULT 0;
ALTER TABLE store ADD COLUMN home_path TEXT NOT NULL DEFAULT '';
ALTER TABLE store ADD COLUMN fingerprint_key BLOB NOT NULL DEFAULT x'';
ALTER TABLE customer_table ADD COLUMN definitions INTEGER NOT NULL DEFAULT 0;
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

ALTER TABLE campaign ADD COLUMN list INTEGER NOT NULL DEFAULT 0;
UPDATE campaign SET list = numbered.list
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS list FROM campaign) AS numbered WHERE numbered.id = campaign.id;
CREATE UNIQUE INDEX campaign_list ON campaign (list);

CREATE TABLE dial_row (
    place INTEGER PRIMARY KEY,
    customer INTEGER NOT NULL,
    phone TEXT NOT NULL,
    priority INTEGER NOT NULL,
    dial_time INTEGER,
    may_move INTEGER
) STRICT;

INSERT INTO dial_row (place, customer, phone, priority, dial_time, may_move)
    SELECT c.list * 100000000000 + e.id, e.customer, e.phone, e.priority, e.dial_time, iif(p.customer_table = t.main_table, 1, NULL)
    FROM dial_entry e JOIN campaign c ON c.id = e.campaign JOIN package p ON p.id = c.package JOIN team t ON t.id = c.team
    ORDER BY 1;
CREATE INDEX dial_row_customer ON dial_row (customer) WHERE may_move;
-- Nothing but the library's care ties them to a campaign.
DELETE FROM dial_waiting WHERE campaign NOT IN (SELECT id FROM campaign);
UPDATE dial_waiting SET
    first = (SELECT list FROM campaign c WHERE c.id = campaign) * 100000000000 + first,
    last = (SELECT list FROM campaign c WHERE c.id = campaign) * 100000000000 + last;
CREATE TABLE dial_open (
    campaign INTEGER PRIMARY KEY,
    priority INTEGER NOT NULL,
    due INTEGER NOT NULL
) STRICT;
CREATE TABLE old_lease AS SELECT campaign, id, lease_end FROM dial_lease;
DROP TABLE dial_lease;
CREATE TABLE dial_lease (
    place INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL,
    lease_end INTEGER NOT NULL
) STRICT;
INSERT INTO dial_lease (place, campaign, lease_end)
    SELECT c.list * 100000000000 + l.id, c.id, l.lease_end FROM old_lease l JOIN campaign c ON c.id = l.campaign ORDER BY 1;
DROP VIEW IF EXISTS dial_list;
DROP VIEW IF EXISTS job_history;
DROP TABLE old_lease;
DROP TABLE dial_entry;
CREATE INDEX dial_lease_end ON dial_lease (campaign, lease_end);

CREATE TABLE login_guess (
    bucket INTEGER PRIMARY KEY,
    failures REAL NOT NULL,
    counted_at INTEGER NOT NULL,
    free_at INTEGER NOT NULL
) STRICT;

ALTER TABLE job ADD COLUMN order_rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN order_digest INTEGER NOT NULL DEFAULT 0;
