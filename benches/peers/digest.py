"""What an import left behind, in one line of JSON: counts, and digests that are equal where the results are.

digest.py ours|sqlite|duckdb DATABASE

A process of its own: it reads the file with a SQLite that the importing program does not know of.
"""

import hashlib
import json
import sqlite3
import sys

FIELDS = ["name", "phone1", "phone2", "email", "company", "address", "city", "memo"]


def digest(rows):
    """How many rows there are, and a digest of them in their order."""
    count, hashed = 0, hashlib.sha256()
    while page := rows.fetchmany(10_000):
        count += len(page)
        hashed.update("".join("\x1f".join(row) + "\n" for row in page).encode())
    return count, hashed.hexdigest()[:16]


def main():
    kind, database = sys.argv[1:]
    if kind == "duckdb":
        import duckdb

        db, nulls = duckdb.connect(database, read_only=True), " NULLS FIRST"
    else:
        db, nulls = sqlite3.connect(database), ""
    table = "customers_1" if kind == "ours" else "customers"
    entries = "dial_entry WHERE campaign = 1" if kind == "ours" else "dial_list"
    fields = ", ".join(f"coalesce({name}, '')" for name in FIELDS)
    customers = digest(db.execute(f"SELECT {fields} FROM {table} ORDER BY phone1"))
    # In the order of dialling.
    listed = digest(db.execute(f"SELECT phone FROM {entries} ORDER BY priority DESC, dial_time{nulls}, id"))
    found = {"customers": customers[0], "entries": listed[0], "customers_digest": customers[1], "dial_digest": listed[1]}
    if kind != "duckdb":
        found["intact"] = db.execute("PRAGMA quick_check").fetchone()[0] == "ok"
    print(json.dumps(found))


main()
