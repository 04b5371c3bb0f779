"""The programs of examples/python run, with the installed package."""

import atexit
import json
import re
import signal
import subprocess
import sys
import unittest
import urllib.parse
import urllib.request
from datetime import datetime, timedelta

import support
from support import LOGIN

from import_cji import Engine

EXAMPLES = support.PROJECT / "examples/python"
LEADS = (support.PROJECT / "examples/data/leads.csv").read_bytes()


class Example(support.Program):
    """One of the programs, as a child."""

    def __init__(self, name: str, *arguments: object, **more: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
            env={"PYTHONIOENCODING": "utf-8", "PATH": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=more.get("cwd"),
        )
        atexit.register(self.child.kill)


class ExamplesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.files = support.served(self)
        self.files.rows = LEADS

    def test_the_quickstart(self) -> None:
        out, err = Example("quickstart.py", self.files.url + "/leads.csv").ended()
        self.assertEqual(err, "")
        first, *calls = out.splitlines()
        self.assertRegex(first, r"^3000 rows read, \d+ customers added, 9 rows rejected$")
        self.assertEqual(len(calls), 5)

    def test_the_readme(self) -> None:
        readme = (support.PROJECT / "bindings/python/README.md").read_text("utf-8")
        first, catalogue, pages = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
        first = first.replace("http://192.168.1.88", self.files.url)
        with support.folder() as folder:
            opened = 'with Engine("calls.db") as engine:\n'
            body = f"{opened}{catalogue}{first}{first}{opened}{pages}"
            told = support.printed(body.replace("calls.db", str(folder / "calls.db")))
        self.assertIn("'inserted': 2737", told.splitlines()[0])
        self.assertIn("'inserted': 0", told.splitlines()[1])

    def test_the_dialer(self) -> None:
        out, err = Example("dialer.py").ended()
        self.assertEqual(err, "")
        *calls, left = out.splitlines()
        statuses = ["success", "error", "pending, again at ", "success", "error", "error"]
        for n, (line, status) in enumerate(zip(calls, statuses), 1):
            self.assertTrue(line.startswith(f"called 1380013800{n}  {status}"), line)
        self.assertEqual((len(calls), left), (6, "1 numbers are left on the list"))

    def test_the_dialer_on_a_store(self) -> None:
        with support.folder() as folder:
            with support.opened(str(folder / "calls.db")) as engine:
                engine.import_cji(**LOGIN, source="data", context="phone1=4", phone_field="phone1")
            out, _ = Example("dialer.py", folder / "calls.db", 12).ended()
            self.assertEqual(
                out.split(), ["called", "4", "success", "0", "numbers", "are", "left", "on", "the", "list"]
            )
            with Engine(folder / "calls.db") as engine:
                self.assertEqual(engine.customer_list(12)["customers"][0]["status"], "success")

    def test_the_web_endpoint(self) -> None:
        with support.folder() as folder:
            support.opened(str(folder / "calls.db")).close()
            example = Example("web_endpoint.py", folder / "calls.db", 0)
            url = example.line()

            def get(path: str, **more: str) -> str:
                query = urllib.parse.urlencode({**LOGIN, "source": "data", "context": "name=张伟||phone1=1", **more})
                with urllib.request.urlopen(f"{url}{path}?{query}") as answer:
                    return str(answer.read().decode())

            self.assertEqual(get("/asterccinterfaces", EVENT="Import"), "|Retuen|1|Retuen|customer 1 added")
            script = get("/setevent/importCJI", callback="f", context="phone1=2")
            self.assertEqual(json.loads(script[2:-1]), {"code": 1, "message": "customer 2 added"})
            self.assertIn('"code":2', get("/setevent/importCJI", callback="f", password="wrong"))
            file = self.files.url + "/leads.csv"
            self.assertIn("allow_hosts", get("/asterccinterfaces", EVENT="Import", source="http", context=file))
            with self.assertRaisesRegex(urllib.error.HTTPError, "404"):
                get("/elsewhere")
            example.child.send_signal(signal.SIGINT)
            self.assertEqual(example.ended(), ("", ""))

    def test_the_nightly_import_runs_and_is_scheduled_once_for_the_next_night(self) -> None:
        with support.folder() as folder:
            support.opened(str(folder / "calls.db")).close()
            at = f"{datetime.now() + timedelta(seconds=2):%H:%M:%S}"
            arguments = (folder / "calls.db", 12, self.files.url + "/leads.csv", at)
            example = Example("nightly.py", *arguments, cwd=str(folder))
            self.assertEqual(example.line()[-8:], at)
            lines = [example.line()]
            while "next" not in lines[-1]:
                lines.append(example.line())
            self.assertRegex("\n".join(lines), r"job 1: [\d,]+ bytes, 3,000 rows\n\d+ new, \d+ changed, 9 rejected\n")
            self.stop(example)
            self.assertIn("reject_reason", (folder / "rejects-1.csv").read_text("utf-8"))
            example = Example("nightly.py", *arguments, cwd=str(folder))
            self.assertEqual(example.line(), lines[-1])
            self.stop(example)
            with Engine(folder / "calls.db") as engine:
                self.assertEqual([job["state"] for job in engine.job_list()["jobs"]], ["succeeded", "scheduled"])

    def stop(self, example: Example) -> None:
        example.child.send_signal(signal.SIGINT)
        out, err = example.ended()
        self.assertEqual((out.splitlines()[-1][:7], err), ("stopped", ""))
