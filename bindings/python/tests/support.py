"""What the tests share: an engine with a campaign, a web server, and Python programs that run as children."""

import atexit
import contextlib
import http.server
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
from collections.abc import Iterator
from typing import Any, Callable, TypedDict, cast

from import_cji import Engine, Options

TESTS = pathlib.Path(__file__).resolve().parent
PROJECT = TESTS.parents[2]


class Login(TypedDict):
    """The parameters that every import needs."""

    orgidentity: str
    usertype: str
    user: str
    pwdtype: str
    password: str
    modeltype: str
    model_id: str


LOGIN = Login(
    orgidentity="myteam",
    usertype="agent",
    user="1001",
    pwdtype="plaintext",
    password="secret",
    modeltype="Campaign",
    model_id="12",
)


def opened(location: str = ":memory:", **options: Any) -> Engine:
    """An engine with a team, a user and the campaign 12."""
    engine = Engine(location, cast(Options, {"timezone": "UTC", "retries": 0, **options}))
    engine.team_add("myteam", "My team")
    engine.user_set("myteam", "agent", "1001", "plaintext", "secret")
    engine.campaign_add("myteam", {"name": "Spring renewals", "id": "12"})
    return engine


class EngineTest(unittest.TestCase):
    """A test with an engine of its own."""

    def setUp(self) -> None:
        self.engine = opened()
        self.addCleanup(self.engine.close)

    def add(self, record: str = "name=Joe||phone1=138", callback: str = "") -> str:
        """Imports a record."""
        return self.engine.import_cji(**LOGIN, source="data", context=record, callbackFuc=callback).message


class Files(http.server.ThreadingHTTPServer):
    """A web server with /leads.csv, and /slow.csv that ends when `go_on` is set."""

    daemon_threads = True
    rows = b"name,phone1\nJoe,1\nAnn,2\n"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked = threading.Event()
        self.go_on = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Keeps quiet: a client that goes away is no fault."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Files

    def do_GET(self) -> None:
        self.server.asked.set()
        rows = self.server.rows
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(rows)))
        self.end_headers()
        self.wfile.write(rows[:-1])
        if self.path == "/slow.csv":
            self.server.go_on.wait(60)
        self.wfile.write(rows[-1:])

    def log_message(self, *_: object) -> None:
        pass


def served(test: unittest.TestCase) -> Files:
    """A server that lives as long as the test."""
    server = Files()
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    test.addCleanup(server.go_on.set)
    return server


@contextlib.contextmanager
def folder() -> Iterator[pathlib.Path]:
    """A folder, for a while."""
    with tempfile.TemporaryDirectory() as path:
        yield pathlib.Path(path)


BEGIN = """
import atexit, contextlib, gc, multiprocessing, os, signal, sys, threading, time, warnings
from import_cji import Engine, ImportCjiError
from support import LOGIN, opened

def import_file(engine, url, **more):
    return engine.import_cji(**LOGIN, source="http", context=url, **more)

warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)  # the tests mean to
"""


class Program:
    """A Python program that runs as a child of this one."""

    def __init__(self, body: str, *arguments: object, **variables: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", BEGIN + textwrap.dedent(body), *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(TESTS), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.child.kill)  # should its test give up on it

    def line(self) -> str:
        """The next line that it prints."""
        assert self.child.stdout
        return self.child.stdout.readline().strip()

    def ended(self, status: int = 0) -> tuple[str, str]:
        """What else it prints; it must end with this status."""
        try:
            out, err = self.child.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            out, err = self.child.communicate()
            raise AssertionError(f"it does not end\n{out}\n{err}") from None
        assert self.child.returncode == status, f"{self.child.returncode}\n{out}\n{err}"
        return out.strip(), err.strip()


def printed(body: str, *arguments: object, **variables: str) -> str:
    """What a program prints that ends well and complains of nothing."""
    out, err = Program(body, *arguments, **variables).ended()
    assert not err, err
    return out


def in_thread(function: Callable[[], object]) -> threading.Thread:
    """A thread that runs this."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def threads() -> int:
    """How many threads the process has, those of libraries too."""
    return len(os.listdir("/proc/self/task"))
