"""A small dialer over plain ctypes: it takes the next numbers of a campaign, calls them, and reports what came of each.

    python3 dialer.py libimport_cji.so              a store in memory, with a few customers
    python3 dialer.py libimport_cji.so calls.db 1   campaign 1 of this store
"""

import ctypes
import json
import sys
from datetime import datetime, timedelta

# Longer than the longest call: when it runs out, the number is handed to the next who asks.
LEASE_SECONDS = 600


class Library:
    """The functions of the C ABI by name: texts and numbers in, the reply's data (or message) out."""

    def __init__(self, path, location):
        self.c = ctypes.CDLL(path)
        self.c.cji_text_free.argtypes = [ctypes.c_void_p]
        self.c.cji_engine_open.restype = ctypes.c_void_p
        self.c.cji_engine_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
        self.c.cji_engine_close.argtypes = [ctypes.c_void_p]
        error = ctypes.c_void_p()
        self.engine = self.c.cji_engine_open(location.encode(), b"", ctypes.byref(error))
        if not self.engine:
            self.reply(error.value)

    def call(self, name, *arguments):
        function = getattr(self.c, name)
        # Not c_char_p, which would convert the text and lose its address: it could never be freed.
        function.restype = ctypes.c_void_p
        arguments = [a if isinstance(a, int) else a.encode() for a in arguments]
        kinds = [ctypes.c_int32 if isinstance(a, int) else ctypes.c_char_p for a in arguments]
        function.argtypes = [ctypes.c_void_p, *kinds]
        return self.reply(function(self.engine, *arguments))

    def reply(self, address):
        try:
            reply = json.loads(ctypes.string_at(address))
        finally:
            self.c.cji_text_free(address)
        if reply["code"] != 1:
            sys.exit(reply["message"])
        return reply.get("data", reply["message"])

    def close(self):
        self.c.cji_engine_close(self.engine)


def fill(library):
    """A team, an agent, a campaign, and six customers on its dial list."""
    library.call("cji_team_add", "acme", "Acme Telesales")
    library.call("cji_user_set", "acme", "agent", "1001", "plaintext", "secret")
    campaign = library.call("cji_campaign_add", "acme", json.dumps({"name": "Spring renewals"}))
    for n in range(1, 7):
        record = f"name=Customer {n}||phone1=1380013800{n}"
        login = ["acme", "agent", "1001", "plaintext", "secret"]
        options = ["", "", "", "", "phone1"] + [""] * 8
        library.call("import_cji", *login, "Campaign", campaign, "data", record, *options)
    return campaign


def call(phone):
    """Pretends to call: the customer's new status, and what becomes of the entry."""
    if phone[-1] in "14":
        return "success", {"outcome": "done"}
    if phone[-1] == "3":
        tomorrow = (datetime.now() + timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")
        return "pending", {"outcome": "retry", "dial_time": tomorrow, "priority": 1}
    return "error", {"outcome": "done"}


def main(path, location=":memory:", campaign=None):
    library = Library(path, location)
    campaign = campaign or fill(library)
    for entry in library.call("cji_dial_next", campaign, 5, LEASE_SECONDS)["entries"]:
        status, outcome = call(entry["phone"])
        library.call("cji_customer_set", campaign, str(entry["customer"]), json.dumps({"status": status}))
        library.call("cji_dial_done", campaign, str(entry["id"]), json.dumps(outcome))
        again = f", again at {outcome['dial_time']}" if "dial_time" in outcome else ""
        print(f"called {entry['phone']:<12} {status}{again}")
    print(library.call("cji_campaign_get", campaign)["dial_list"], "numbers are left on the list")
    library.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
