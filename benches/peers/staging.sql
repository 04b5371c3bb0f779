-- Peer: what one would write by hand for the sqlite3 shell. The file goes into a staging table, from there into the
-- customers, and by a join onto the dial list. Run as: sqlite3 staging.db ".read staging.sql", with rows.csv beside it.

PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;

CREATE TABLE customers (
    id INTEGER PRIMARY KEY, status TEXT NOT NULL, name TEXT NOT NULL, phone1 TEXT NOT NULL UNIQUE, phone2 TEXT NOT NULL,
    email TEXT NOT NULL, company TEXT NOT NULL, address TEXT NOT NULL, city TEXT NOT NULL, memo TEXT NOT NULL);
CREATE INDEX customers_by_phone2 ON customers (phone2) WHERE phone2 <> '';
CREATE TABLE dial_list (
    id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, phone TEXT NOT NULL, priority INTEGER NOT NULL, dial_time INTEGER);
CREATE INDEX dial_order ON dial_list (priority DESC, dial_time, id);

.mode csv
.import rows.csv staging

INSERT INTO customers (status, name, phone1, phone2, email, company, address, city, memo)
SELECT 'open', name, phone1, phone2, email, company, address, city, memo FROM staging WHERE true ORDER BY rowid
ON CONFLICT (phone1) DO UPDATE SET
    name = iif(excluded.name <> '', excluded.name, name), phone2 = iif(excluded.phone2 <> '', excluded.phone2, phone2),
    email = iif(excluded.email <> '', excluded.email, email),
    company = iif(excluded.company <> '', excluded.company, company),
    address = iif(excluded.address <> '', excluded.address, address),
    city = iif(excluded.city <> '', excluded.city, city), memo = iif(excluded.memo <> '', excluded.memo, memo);

INSERT INTO dial_list (customer, phone, priority)
SELECT c.id, c.phone1, 0 FROM staging s JOIN customers c ON c.phone1 = s.phone1 GROUP BY c.id ORDER BY c.id;

DROP TABLE staging;
