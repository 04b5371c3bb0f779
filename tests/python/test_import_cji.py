"""A Python host by ctypes: run as `python3 test_import_cji.py LIBRARY`."""

import base64
import ctypes
import http.server
import json
import os
import pathlib
import sys
import tempfile
import threading
import unittest
from ctypes import POINTER, c_char_p, c_int32, c_uint32, c_void_p

CALLBACK = ctypes.CFUNCTYPE(None, c_char_p, c_void_p)
PROGRESS = ctypes.CFUNCTYPE(c_int32, c_char_p, c_void_p)

# The texts that each function takes after the engine. All of them answer with an owned text, whose type must be
# c_void_p: c_char_p would turn it into bytes and lose the address, a leak with each call.
TEXTS = {
    "import_cji": 22, "import_ws": 21, "import_event": 1, "import_jsonp": 1,
    "cji_team_add": 2, "cji_user_set": 5, "cji_user_disable": 3, "cji_main_table_define": 2, "cji_campaign_add": 2,
    "cji_campaign_get": 1, "cji_job_get": 1, "cji_job_list": 1, "cji_job_cancel": 1, "cji_job_rejects": 2,
    "cji_jobs_run_due": 0, "cji_worker_start": 0, "cji_worker_stop": 0, "cji_customer_list": 2,
    "cji_customer_set": 3, "cji_dial_list": 2, "cji_dial_done": 3, "cji_query": 2,
}

PARAMETERS = (
    "orgidentity usertype user pwdtype password modeltype model_id source context source_user source_pwd exetime "
    "delrow phone_field priority_field dialtime_field emptyagent resetstatus dupway dupdiallist changepackage "
    "callbackFuc"
).split()


def load(path):
    lib = ctypes.CDLL(path)
    for name, texts in TEXTS.items():
        function = getattr(lib, name)
        function.argtypes = [c_void_p] + [c_char_p] * texts
        function.restype = c_void_p
    lib.cji_version.argtypes, lib.cji_version.restype = [], c_char_p
    lib.cji_abi_version.argtypes, lib.cji_abi_version.restype = [], c_uint32
    lib.cji_text_free.argtypes, lib.cji_text_free.restype = [c_void_p], None
    lib.cji_engine_open.argtypes = [c_char_p, c_char_p, POINTER(c_void_p)]
    lib.cji_engine_open.restype = c_void_p
    lib.cji_engine_close.argtypes, lib.cji_engine_close.restype = [c_void_p], None
    lib.cji_dial_next.argtypes, lib.cji_dial_next.restype = [c_void_p, c_char_p, c_int32, c_int32], c_void_p
    lib.cji_callback_set.argtypes, lib.cji_callback_set.restype = [c_void_p, c_char_p, CALLBACK, c_void_p], c_void_p
    lib.cji_progress_set.argtypes, lib.cji_progress_set.restype = [c_void_p, PROGRESS, c_void_p], c_void_p
    return lib


class Files(http.server.BaseHTTPRequestHandler):
    """Serves one CSV file, on /guarded.csv only to joe:word."""

    BODY = (
        'Name,Phone 1,memo,colour\r\n'
        'Joe,138 0000 1111,"likes ""quotes"", and commas",red\r\n'
        '张伟,13800002222,"two\nlines",green\r\n'
        'Nobody,none,,blue\r\n'
        'Joseph,(138)00001111,,red\r\n'
    ).encode()

    def do_GET(self):
        login = "Basic " + base64.b64encode(b"joe:word").decode()
        if self.path.startswith("/guarded") and self.headers.get("Authorization") != login:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="files"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if not self.path.endswith("leads.csv"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/csv; charset=utf-8")
        self.send_header("Content-Length", str(len(self.BODY)))
        self.end_headers()
        self.wfile.write(self.BODY)

    def log_message(self, *_):
        pass


class ImportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.url = f"http://127.0.0.1:{cls.server.server_port}"

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.engine = self.open(self.folder.name + "/calls.db", {"timezone": "UTC", "retries": 0})
        self.done("cji_team_add", "team", "The team")
        self.done("cji_user_set", "team", "agent", "1001", "plaintext", "secret")
        definition = {
            "name": "Spring renewals",
            "id": "12",
            "fields": [
                {"name": "name", "display": "Name"},
                {"name": "phone1", "display": "Phone 1", "type": "phone", "required": True},
                {"name": "memo"},
                {"name": "age", "type": "integer"},
                {"name": "seen", "type": "datetime"},
            ],
            "unique_key": ["phone1"],
        }
        self.assertEqual(self.done("cji_campaign_add", "team", json.dumps(definition))["message"], "12")

    def tearDown(self):
        LIB.cji_engine_close(self.engine)
        self.folder.cleanup()

    def open(self, location, options):
        error = c_void_p()
        engine = LIB.cji_engine_open(location.encode(), json.dumps(options).encode(), ctypes.byref(error))
        if not engine:
            self.fail(self.text(error.value))
        return engine

    def text(self, pointer):
        """Copies an owned text and frees it."""
        try:
            return ctypes.string_at(pointer).decode()
        finally:
            LIB.cji_text_free(pointer)

    def call(self, name, *texts):
        return json.loads(self.text(getattr(LIB, name)(self.engine, *(t.encode() for t in texts))))

    def done(self, name, *texts):
        reply = self.call(name, *texts)
        self.assertEqual(reply["code"], 1, reply)
        return reply

    def import_(self, **changes):
        values = {
            "orgidentity": "team", "usertype": "agent", "user": "1001", "pwdtype": "plaintext", "password": "secret",
            "modeltype": "Campaign", "model_id": "12", "source": "data", "context": "name=Joe||phone1=138xxxx88x8",
        }
        values.update(changes)
        return self.call("import_cji", *(values.get(name, "") for name in PARAMETERS))

    def customers(self):
        return self.done("cji_customer_list", "12", "")["data"]["customers"]

    def test_version(self):
        self.assertRegex(LIB.cji_version().decode(), r"^\d+\.\d+\.\d+$")
        self.assertEqual(LIB.cji_abi_version(), 1)

    def test_records_become_customers_and_dial_entries(self):
        reply = self.import_(phone_field="Phone 1")
        self.assertEqual(reply, {"code": 1, "message": "customer 1 added; on the dial list"})
        self.import_(context="name=Zoë 😀||phone1=2||age=41||seen=2024-02-29")
        joe, zoe = self.customers()
        self.assertEqual((joe["fields"]["name"], joe["status"], joe["agent"]), ("Joe", "open", None))
        self.assertEqual(zoe["fields"], {"name": "Zoë 😀", "phone1": "2", "memo": zoe["fields"]["memo"], "age": 41,
                                         "seen": "2024-02-29 00:00:00"})
        entries = self.done("cji_dial_list", "12", "")["data"]["entries"]
        self.assertEqual([entry["phone"] for entry in entries], ["138xxxx88x8"])

    def test_a_campaign_tells_its_definition(self):
        data = self.done("cji_campaign_get", "12")["data"]
        self.assertEqual(data["unique_key"], ["phone1"])
        self.assertEqual(data["fields"][1], {"name": "phone1", "display": "Phone 1", "type": "phone", "required": True})

    def test_failures_are_replies(self):
        self.assertIn("colour", self.import_(context="phone1=1||colour=red")["message"])
        self.assertEqual(self.import_(password="wrong")["code"], 2)
        self.assertEqual(self.call("cji_campaign_get", "99")["code"], 2)
        self.assertEqual(self.customers(), [])

    def test_a_file_on_an_http_server_is_imported(self):
        reply = self.import_(source="http", context=self.url + "/leads.csv", phone_field="phone1", dupway="update")
        self.assertEqual(reply["code"], 1, reply)
        job = self.done("cji_job_get", reply["message"])["data"]
        self.assertEqual(job["state"], "succeeded")
        self.assertEqual([job[key] for key in ("read", "inserted", "updated", "skipped", "rejected")], [4, 2, 1, 0, 1])
        self.assertEqual(job["dial_listed"], 2)
        self.assertIn("colour", str(job["warnings"]))
        joe, zhang = self.customers()
        self.assertEqual((joe["fields"]["name"], joe["fields"]["phone1"]), ("Joseph", "13800001111"))
        self.assertEqual(joe["fields"]["memo"], 'likes "quotes", and commas')
        self.assertEqual((zhang["fields"]["name"], zhang["fields"]["memo"]), ("张伟", "two\nlines"))
        rejects = pathlib.Path(self.folder.name, "rejects.csv")
        self.done("cji_job_rejects", reply["message"], str(rejects))
        title, row = rejects.read_text("utf-8").splitlines()
        self.assertEqual(title, "Name,Phone 1,memo,colour,reject_line,reject_reason")
        self.assertTrue(row.startswith("Nobody,none,,blue,5,"), row)

    def test_the_login_at_the_file_server(self):
        guarded = {"source": "http", "context": self.url + "/guarded-leads.csv"}
        self.assertEqual(self.import_(**guarded)["code"], 2)
        self.assertEqual(self.import_(**guarded, source_user="joe", source_pwd="wrong")["code"], 2)
        self.assertEqual(self.import_(**guarded, source_user="joe", source_pwd="word")["code"], 1)
        self.assertNotIn("word", str(self.call("cji_job_list", "")))

    def test_a_file_that_is_not_there(self):
        reply = self.import_(source="http", context=self.url + "/none.csv")
        self.assertEqual(reply["code"], 2)
        self.assertTrue(reply["message"].startswith("job "), reply)

    def test_a_callback_gets_the_reply(self):
        heard = []
        # Kept until the engine is closed: the library may call it as long.
        self.callback = CALLBACK(lambda reply, _: heard.append(json.loads(reply)))
        self.text(LIB.cji_callback_set(self.engine, b"done", self.callback, None))
        reply = self.import_(callbackFuc="done")
        self.assertEqual(heard, [reply])

    def test_a_callback_on_the_workers_thread(self):
        LIB.cji_engine_close(self.engine)
        self.engine = self.open(self.folder.name + "/calls.db", {"background": True})
        heard = threading.Event()
        self.callback = CALLBACK(lambda *_: heard.set())
        self.text(LIB.cji_callback_set(self.engine, b"done", self.callback, None))
        self.done("cji_worker_start")
        self.import_(source="http", context=self.url + "/leads.csv", callbackFuc="done")
        self.assertTrue(heard.wait(20))
        self.done("cji_worker_stop")

    def test_threads_share_one_engine(self):
        def one(number):
            replies.append(self.import_(context=f"phone1={number}"))

        replies = []
        threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([reply["code"] for reply in replies], [1] * 16)
        self.assertEqual(len(self.customers()), 16)

    def test_the_zone_is_that_of_tz_where_none_is_given(self):
        self.assertEqual(os.environ["TZ"], "Asia/Shanghai")
        utc, self.engine = self.engine, self.open(self.folder.name + "/calls.db", {})
        try:
            self.import_(context="phone1=1||when=2030-01-01 12:00:00", phone_field="phone1", dialtime_field="when")
        finally:
            LIB.cji_engine_close(self.engine)
            self.engine = utc
        (entry,) = self.done("cji_dial_list", "12", "")["data"]["entries"]
        self.assertEqual(entry["dial_time"], "2030-01-01 04:00:00")

    def test_loading_the_library_opened_nothing_and_started_no_thread(self):
        self.assertEqual(BEFORE, AFTER)

    def test_no_reply_leaks(self):
        def resident():
            pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
            return pages * 4096

        huge = "x" * 1_000_000
        self.import_(context="phone1=1||memo=" + huge)
        for _ in range(5):
            self.customers()
        before = resident()
        for _ in range(50):
            self.customers()
        self.assertLess(resident() - before, 25_000_000)


def threads_and_files():
    """How many threads this process runs, and which files it has open."""
    return len(os.listdir("/proc/self/task")), sorted(os.listdir("/proc/self/fd"))


if __name__ == "__main__":
    BEFORE = threads_and_files()
    LIB = load(sys.argv.pop(1))
    AFTER = threads_and_files()
    unittest.main(verbosity=2)
