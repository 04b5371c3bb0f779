#!/usr/bin/env python3
"""Serves the files of tests/data/calls.json on a free port of 127.0.0.1.

Prints its base URL as the first line, and ends when its standard input ends: a runner starts it as a child with a pipe
to it. A file is its text, or an object with "text" and its "encoding", or with "base64"; and with a "login"
("user:password") that it asks for.
"""

import base64
import http.server
import json
import pathlib
import sys
import threading

CALLS = pathlib.Path(__file__).parent.parent / "data" / "calls.json"


def content(file):
    if "base64" in file:
        return base64.b64decode(file["base64"])
    return file["text"].encode(file.get("encoding", "utf-8"))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        file = FILES.get(self.path)
        if file is None:
            return self.answer(404, b"", {})
        if "login" in file:
            wanted = "Basic " + base64.b64encode(file["login"].encode()).decode()
            if self.headers.get("Authorization") != wanted:
                return self.answer(401, b"", {"WWW-Authenticate": 'Basic realm="files"'})
        return self.answer(200, content(file), {"Content-Type": "text/csv"})

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


files = json.loads(CALLS.read_text("utf-8"))["files"]
FILES = {path: {"text": file} if isinstance(file, str) else file for path, file in files.items()}
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
server.handle_error = lambda *_: None  # a client that goes away is no fault of the server
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
