"""Peer: the plain loop: look the key up, insert or update, put on the dial list. loop.py FILE DATABASE

Prepared statements (Python's sqlite3 keeps them), one transaction, WAL, synchronous = FULL.
"""

import csv
import sqlite3
import sys

file, database = sys.argv[1:]
db = sqlite3.connect(database, isolation_level=None)
db.executescript("""
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE customers (
        id INTEGER PRIMARY KEY, status TEXT NOT NULL, name TEXT NOT NULL, phone1 TEXT NOT NULL UNIQUE,
        phone2 TEXT NOT NULL, email TEXT NOT NULL, company TEXT NOT NULL, address TEXT NOT NULL, city TEXT NOT NULL,
        memo TEXT NOT NULL);
    CREATE INDEX customers_by_phone2 ON customers (phone2) WHERE phone2 <> '';
    CREATE TABLE dial_list (
        id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, phone TEXT NOT NULL, priority INTEGER NOT NULL,
        dial_time INTEGER);
    CREATE INDEX dial_order ON dial_list (priority DESC, dial_time, id);
""")
find = "SELECT id FROM customers WHERE phone1 = ?"
insert = """INSERT INTO customers (status, name, phone1, phone2, email, company, address, city, memo)
    VALUES ('open', ?, ?, ?, ?, ?, ?, ?, ?)"""
update = f"""UPDATE customers SET {", ".join(
    f"{name} = iif(?{n} <> '', ?{n}, {name})"
    for n, name in [(1, "name"), (3, "phone2"), (4, "email"), (5, "company"), (6, "address"), (7, "city"), (8, "memo")]
)} WHERE id = ?9 AND ?2 <> ''"""
listed = "INSERT INTO dial_list (customer, phone, priority) VALUES (?, ?, 0)"

with open(file, newline="", encoding="utf-8") as rows:
    reader = csv.reader(rows)
    next(reader)
    db.execute("BEGIN IMMEDIATE")
    for row in reader:
        found = db.execute(find, (row[1],)).fetchone()
        if found:
            db.execute(update, (*row, found[0]))
        else:
            customer = db.execute(insert, row).lastrowid
            db.execute(listed, (customer, row[1]))
    db.execute("COMMIT")
db.close()
