"""The end of an engine: closed, forgotten, or left behind at the end of the program."""

import gc
import threading
import time
import unittest
import warnings

import support
from support import LOGIN

from import_cji import Engine, Job, Reply


class CloseTest(support.EngineTest):
    def test_a_closed_engine_refuses_every_call(self) -> None:
        self.engine.close()
        for call in (
            self.engine.job_list,
            self.engine.import_ws,
            self.engine.jobs_run_due,
            lambda: self.engine.import_jsonp("callback=f"),
            lambda: self.engine.callback_set("done", print),
            lambda: self.engine.progress_set(None),
        ):
            with self.assertRaisesRegex(ValueError, "the engine is closed"):
                call()

    def test_closing_twice_does_nothing(self) -> None:
        self.engine.close()
        self.engine.close()

    def test_the_end_of_a_with_block_closes_also_after_an_error(self) -> None:
        with self.assertRaisesRegex(KeyError, "mine"), Engine(":memory:") as engine:
            raise KeyError("mine")
        with self.assertRaisesRegex(ValueError, "the engine is closed"):
            engine.job_list()

    def test_closing_stops_the_worker(self) -> None:
        before = support.threads()
        self.engine.worker_start()
        self.assertEqual(support.threads(), before + 1)
        self.engine.close()
        self.assertLessEqual(support.threads(), before)


class ForgottenTest(unittest.TestCase):
    def test_an_engine_that_is_forgotten_is_closed_with_a_warning(self) -> None:
        before = support.threads()
        engine = support.opened()
        engine.worker_start()
        with self.assertWarnsRegex(ResourceWarning, "not closed"):
            del engine
            gc.collect()
        self.assertLessEqual(support.threads(), before)

    def test_so_is_one_whose_own_callbacks_hold_it(self) -> None:
        before = support.threads()
        engine = support.opened()
        engine.worker_start()
        engine.callback_set("done", lambda _, engine=engine: engine.close())  # type: ignore[misc]
        engine.progress_set(lambda _, engine=engine: engine.close())  # type: ignore[misc]
        with self.assertWarns(ResourceWarning):
            del engine
            gc.collect()
        self.assertLessEqual(support.threads(), before)

    def test_one_that_was_closed_is_forgotten_in_silence(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            engine = support.opened()
            engine.close()
            del engine
            gc.collect()

    def test_one_that_is_forgotten_in_a_callback_of_its_worker_is_closed_too(self) -> None:
        told = support.printed(
            """
            box = [opened(background=True)]
            ended = threading.Event()

            def done(_):
                box.clear()
                gc.collect()
                ended.set()

            before = len(os.listdir("/proc/self/task"))
            box[0].callback_set("done", done)
            box[0].worker_start()
            import_file(box[0], sys.argv[1] + "/leads.csv", callbackFuc="done")
            assert ended.wait(20)
            while len(os.listdir("/proc/self/task")) > before:
                time.sleep(0.01)
            print("closed")
            """,
            support.served(self).url,
        )
        self.assertEqual(told, "closed")


class ThreadsTest(support.EngineTest):
    """Closing while other threads are inside calls."""

    def setUp(self) -> None:
        super().setUp()
        self.files = support.served(self)

    def start_import(self, callback: str = "") -> list[Reply]:
        """Begins an import on another thread; its reply will be in the list."""
        replies: list[Reply] = []
        url = self.files.url + "/slow.csv"
        support.in_thread(
            lambda: replies.append(self.engine.import_cji(**LOGIN, source="http", context=url, callbackFuc=callback))
        )
        self.assertTrue(self.files.asked.wait(20))
        return replies

    def start_closing(self) -> threading.Thread:
        closing = support.in_thread(self.engine.close)
        while not self.engine._handle._closing:
            time.sleep(0.001)
        return closing

    def test_closing_waits_for_the_calls_that_run_and_refuses_others(self) -> None:
        replies = self.start_import()
        closing = self.start_closing()
        with self.assertRaisesRegex(ValueError, "the engine is closed"):
            self.engine.job_list()
        closing.join(0.3)
        self.assertTrue(closing.is_alive())
        self.files.go_on.set()
        closing.join(20)
        self.assertEqual((closing.is_alive(), replies), (False, [Reply(1, "1")]))

    def test_callbacks_of_those_calls_may_still_call(self) -> None:
        states: list[str] = []
        self.engine.callback_set("done", lambda reply: states.append(self.engine.job_get(reply.message)["state"]))
        self.start_import("done")
        closing = self.start_closing()
        self.files.go_on.set()
        closing.join(20)
        self.assertEqual(states, ["succeeded"])

    def test_callbacks_of_the_worker_may_still_call(self) -> None:
        inside, jobs = threading.Event(), []

        def progress(_: Job) -> None:
            inside.set()
            while not self.engine._handle._closing:
                time.sleep(0.001)
            time.sleep(0.1)  # cji_worker_stop() is under way
            jobs.append(self.engine.job_get(1))

        self.engine.progress_set(progress)
        self.engine.import_cji(**LOGIN, source="http", context=self.files.url + "/slow.csv", exetime=soon(self.engine))
        self.engine.worker_start()
        self.assertTrue(inside.wait(20))
        self.engine.close()
        self.assertTrue(jobs)

    def test_closing_on_two_threads_returns_on_both_when_it_is_closed(self) -> None:
        inside, go_on, ended = threading.Event(), threading.Event(), threading.Event()

        def progress(_: Job) -> None:
            inside.set()
            go_on.wait(20)
            ended.set()

        self.engine.progress_set(progress)
        self.engine.worker_start()
        self.engine.import_cji(**LOGIN, source="http", context=self.files.url + "/slow.csv", exetime=soon(self.engine))
        self.assertTrue(inside.wait(20))
        one, other = self.start_closing(), self.start_closing()
        other.join(0.3)
        self.assertTrue(one.is_alive() and other.is_alive())
        go_on.set()
        other.join(20)
        self.assertTrue(ended.is_set())

    def test_closing_in_the_middle_of_many_calls_harms_nobody(self) -> None:
        for _ in range(8):
            engine = support.opened()
            errors: list[str] = []
            started = threading.Barrier(7)

            def call(engine: Engine = engine, errors: list[str] = errors, started: threading.Barrier = started) -> None:
                started.wait()
                try:
                    while True:
                        engine.import_cji(**LOGIN, source="data", context="phone1=1")
                except ValueError as error:
                    errors.append(str(error))

            threads = [support.in_thread(call) for _ in range(6)]
            started.wait()
            time.sleep(0.01)
            engine.close()
            for thread in threads:
                thread.join(20)
            self.assertEqual(errors, ["the engine is closed"] * 6)


class ExitTest(unittest.TestCase):
    """A program that ends without closing its engines."""

    def setUp(self) -> None:
        self.files = support.served(self)

    def test_the_worker_is_stopped_before_python_goes_away(self) -> None:
        told = support.printed(
            """
            engine = opened(background=True)
            inside = threading.Event()

            def progress(_):
                inside.set()
                time.sleep(0.3)
                print("progress", flush=True)

            engine.progress_set(progress)
            engine.worker_start()
            import_file(engine, sys.argv[1] + "/slow.csv")
            assert inside.wait(20)
            """,
            self.files.url,
        )
        self.assertEqual(set(told.splitlines()), {"progress"})

    def test_a_call_on_a_daemon_thread_is_waited_for(self) -> None:
        program = support.Program(
            """
            engine = opened()
            engine.callback_set("done", lambda reply: print(reply.message))
            url = sys.argv[1] + "/slow.csv"
            threading.Thread(target=lambda: import_file(engine, url, callbackFuc="done"), daemon=True).start()
            atexit.register(print, "at exit", flush=True)
            while not engine.job_list()["jobs"]:
                time.sleep(0.01)
            """,
            self.files.url,
        )
        self.assertEqual(program.line(), "at exit")
        time.sleep(0.3)
        self.files.go_on.set()
        self.assertEqual(program.ended(), ("1", ""))

    def test_a_program_may_end_in_a_callback(self) -> None:
        program = support.Program(
            """
            engine = opened()
            engine.callback_set("done", lambda reply: sys.exit(7))
            import_file(engine, sys.argv[1] + "/leads.csv", callbackFuc="done")
            """,
            self.files.url,
        )
        self.assertEqual(program.ended(7), ("", ""))


def soon(engine: Engine) -> str:
    """A time in the next second, so that the import waits for the worker."""
    found = engine.query("SELECT datetime('now', '+1 second')")["rows"][0][0]
    assert isinstance(found, str)
    return found
