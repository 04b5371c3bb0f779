"""The table of cases that all languages run."""

import json
import re
import subprocess
import sys
import tempfile
import unittest
from typing import Any

import support

from import_cji import Engine, ImportCjiError

DATA = support.PROJECT / "tests/data"
TABLE = json.loads((DATA / "calls.json").read_text("utf-8"))
PARAMETERS = {
    function["name"]: [parameter["name"] for parameter in function["parameters"][1:]]
    for function in json.loads((DATA / "abi.json").read_text("utf-8"))["functions"]
}


class CasesTest(unittest.TestCase):
    server: str
    heard: list[Any]
    job: Any

    @classmethod
    def setUpClass(cls) -> None:
        pipe = subprocess.PIPE
        child = subprocess.Popen([sys.executable, DATA.parent / "cases/serve.py"], stdin=pipe, stdout=pipe, text=True)
        cls.addClassCleanup(child.communicate)
        assert child.stdout
        cls.server = child.stdout.readline().strip()

    def test_every_case_of_the_table_holds(self) -> None:
        for case in TABLE["cases"]:
            with self.subTest(case["name"]), tempfile.TemporaryDirectory() as folder:
                self.run_case(filled(case, {"<server>": self.server, "<tmp>": folder}))

    def run_case(self, case: dict[str, Any]) -> None:
        self.heard, self.job = [], {}
        cancels = case.get("progress", {}).get("cancel", False)

        def progress(job: Any) -> bool:
            self.job = job
            return bool(cancels)

        try:
            engine = Engine(case.get("location", ":memory:"), case.get("options", TABLE["options"]))
        except ImportCjiError as error:
            self.check(case["open"], {"code": error.code, "message": error.message})
            return
        self.assertNotIn("open", case)
        with engine:
            for step in TABLE["host"] + case["steps"]:
                if "read" in step:
                    with open(step["read"], encoding="utf-8", newline="") as file:
                        self.check(step["text"], file.read())
                else:
                    answer = call(engine, step, {"callback": self.hear, "progress": progress})
                    self.check_step(step, answer)
        self.check(case.get("called", []), self.heard)
        for key, value in case.get("progress", {}).get("last", {}).items():
            self.check(value, self.job[key])

    def hear(self, reply: Any) -> None:
        self.heard.append(reply._asdict())

    def check_step(self, step: dict[str, Any], answer: Any) -> None:
        """A step that shows nothing must be done; a method that reads gives the data back, others the message."""
        if "text" in step:
            self.check(step["text"], answer)
        elif "reply" not in step:
            self.assertEqual(answer["code"], 1, answer)
        else:
            reply = step["reply"]
            self.check({"code": 1, "data": reply["data"]} if "data" in reply else reply, answer)

    def check(self, expected: Any, found: Any) -> None:
        self.assertTrue(matches(expected, found), f"\n  must be {expected}\n  but is  {found}")


def call(engine: Engine, step: dict[str, Any], functions: dict[str, Any]) -> Any:
    """Calls a method by the header's names; what comes back has the form of the table."""
    name, given = step["call"], step.get("with", {})
    if name in ("import_cji", "import_ws"):
        values = {**TABLE["import"], **given}
    else:
        values = {key: given.get(key, functions.get(key, "")) for key in PARAMETERS[name] if key != "user_data"}
    try:
        answer = getattr(engine, name[4:] if name.startswith("cji_") else name)(**values)
    except ImportCjiError as error:
        return {"code": error.code, "message": error.message}
    if name in ("import_ws", "import_event", "import_jsonp"):
        return answer
    if isinstance(answer, dict):
        return {"code": 1, "data": answer}
    return answer._asdict() if name == "import_cji" else {"code": 1, "message": answer}


def filled(value: Any, words: dict[str, str]) -> Any:
    """The value, with these words replaced in all its texts."""
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(word, text)
        return value
    if isinstance(value, list):
        return [filled(one, words) for one in value]
    if isinstance(value, dict):
        return {key: filled(one, words) for key, one in value.items()}
    return value


def matches(expected: Any, found: Any) -> bool:
    """Whether it is as expected; "<any>" is any value, and inside a text any part of it."""
    if expected == "<any>":
        return True
    if type(expected) is not type(found):
        return False
    if isinstance(expected, str):
        return re.fullmatch(".*".join(map(re.escape, expected.split("<any>"))), found, re.DOTALL) is not None
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(matches, expected, found))
    if isinstance(expected, dict):
        return expected.keys() == found.keys() and all(matches(one, found[key]) for key, one in expected.items())
    return bool(expected == found)
