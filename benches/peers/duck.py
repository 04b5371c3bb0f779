"""Peer: DuckDB with 2 threads. duck.py FILE DATABASE keyed|bare

keyed: the customers have a unique key, as a store needs that is imported into again. bare: nothing has an index.

Of the ways that were tried this is the fastest: keys that come once are copied, and only the others are grouped.
ON CONFLICT DO UPDATE is no way: of the rows of one statement with the same key it takes the first alone (DuckDB 2.0.0).
read_csv makes an empty value NULL, and arg_max passes over NULL: so the last value wins that is one.
"""

import sys

import duckdb

file, database, key = sys.argv[1:]
others = ["name", "phone2", "email", "company", "address", "city", "memo"]
unique = "UNIQUE" if key == "keyed" else ""

db = duckdb.connect(database, config={"threads": 2})
db.execute(f"""
    CREATE TABLE customers (
        id BIGINT NOT NULL, status VARCHAR NOT NULL, phone1 VARCHAR NOT NULL {unique},
        {", ".join(f"{name} VARCHAR" for name in others)});
    CREATE TABLE dial_list (
        id BIGINT NOT NULL, customer BIGINT NOT NULL, phone VARCHAR NOT NULL, priority INTEGER NOT NULL,
        dial_time TIMESTAMP);
    CREATE TEMP TABLE staging AS SELECT * FROM read_csv('{file}', header = true, all_varchar = true);
    CREATE TEMP TABLE keys AS SELECT min(rowid) AS first, max(rowid) AS last FROM staging GROUP BY phone1;
    INSERT INTO customers
        SELECT s.rowid, 'open', phone1, {", ".join(others)} FROM staging s JOIN keys ON s.rowid = first
        WHERE first = last
        UNION ALL
        SELECT min(s.rowid), 'open', phone1, {", ".join(f"arg_max({name}, s.rowid)" for name in others)}
        FROM staging s
        SEMI JOIN (SELECT phone1 FROM staging t JOIN keys ON t.rowid = first WHERE first < last) USING (phone1)
        GROUP BY phone1;
    INSERT INTO dial_list
        SELECT row_number() OVER (ORDER BY id), id, phone1, 0, NULL FROM customers ORDER BY id;
""")
db.close()
