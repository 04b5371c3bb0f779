"""Writes the store that tests/upgrades.rs opens: python3 make.py LIBRARY OUT.db.gz, with the library of the version in its name."""

import ctypes
import gzip
import http.server
import json
import os
import sqlite3
import sys
import tempfile
import threading

FILE = "name,phone1,phone2,city\n" + "".join(
    f"Customer {n},138{n:08},{'' if n % 3 else f'021{n % 50:05}'},City {n % 7}\n" for n in range(1200)
) + "No number,,,\n"


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(FILE)))
        self.end_headers()
        self.wfile.write(FILE.encode())

    def log_message(self, *_):
        pass


library = ctypes.CDLL(sys.argv[1])
folder = tempfile.mkdtemp()
path = os.path.join(folder, "store.db")
library.cji_engine_open.restype = ctypes.c_void_p
engine = ctypes.c_void_p(library.cji_engine_open(path.encode(), b'{"timezone":"UTC"}', None))
server = http.server.HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()


def call(name, *arguments):
    function = getattr(library, name)
    function.restype = ctypes.c_void_p
    address = ctypes.c_void_p(function(engine, *(a if isinstance(a, int) else a.encode() for a in arguments)))
    reply = json.loads(ctypes.string_at(address))
    library.cji_text_free(address)
    assert reply["code"] == 1, reply
    return reply


def take(campaign, source, context, exetime="", **changes):
    given = {"phone_field": "phone1", "dupway": "update", "dupdiallist": "", "changepackage": "", **changes}
    call("import_cji", "team", "agent", "1001", "plaintext", "secret", "Campaign", campaign, source, context, "", "",
         exetime, "", given["phone_field"], "", "", "", "", given["dupway"], given["dupdiallist"],
         given["changepackage"], "")


url = f"http://127.0.0.1:{server.server_port}/leads.csv"
call("cji_team_add", "team", "The team")
call("cji_user_set", "team", "agent", "1001", "plaintext", "secret")
call("cji_campaign_add", "team", '{"name":"Own","id":"1"}')
take("1", "http", url)
take("1", "http", "http://127.0.0.1:9/later.csv", "2099-01-01 00:00:00")
call("cji_dial_next", "1", 5, 3600)
call("cji_main_table_define", "team", json.dumps({"fields": [
    {"name": "name"}, {"name": "Tel", "type": "phone"}, {"name": "other", "type": "phone"}], "unique_key": ["tel"]}))
call("cji_campaign_add", "team", '{"name":"Main A","id":"2","main_table":true}')
call("cji_campaign_add", "team", '{"name":"Main B","id":"3","main_table":true}')
take("2", "data", "name=Joe||tel=1391||other=0211", phone_field="tel")
take("3", "data", "name=Ann||tel=1392||other=0211", phone_field="tel")
call("cji_campaign_add", "team", json.dumps({"name": "Two", "id": "4", "fields": [
    {"name": "city"}, {"name": "number", "type": "integer"}, {"name": "phone", "type": "phone"}],
    "unique_key": ["city", "number"]}))
take("4", "data", "city=Bonn||number=7||phone=1393", phone_field="phone")
take("4", "data", "city=Bonn||phone=1394", phone_field="phone")
library.cji_engine_close(engine)
# In this process no engine has it open any more.
sqlite3.connect(path, isolation_level=None).execute("VACUUM").connection.close()
with open(path, "rb") as store, gzip.GzipFile(sys.argv[2], "wb", mtime=0) as out:
    out.write(store.read())
