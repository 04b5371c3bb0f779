"""Functions of the host that the library calls."""

import gc
import threading
import unittest.mock
import weakref
from typing import Any, Callable

import support
from support import LOGIN

from import_cji import ImportCjiError, Job, Reply


class CallbackTest(support.EngineTest):
    """Callbacks of imports that run in the call."""

    def test_a_callback_gets_the_typed_reply_on_the_calling_thread_before_the_call_returns(self) -> None:
        heard: list[tuple[Reply, int]] = []
        self.engine.callback_set("done", lambda reply: heard.append((reply, threading.get_ident())))
        self.add(callback="done")
        self.assertEqual(heard, [(Reply(1, "customer 1 added"), threading.get_ident())])

    def test_a_replaced_callback_is_called_no_more_and_let_go(self) -> None:
        old, new = unittest.mock.Mock(), unittest.mock.Mock()
        self.engine.callback_set("done", old)
        self.engine.callback_set("done", new)
        gone = weakref.ref(old)
        self.add(callback="done")
        self.assertEqual((old.call_count, new.call_count), (0, 1))
        del old
        gc.collect()
        self.assertIsNone(gone())

    def test_a_callback_may_replace_or_remove_itself(self) -> None:
        heard: list[str] = []

        def first(_: Reply) -> None:
            heard.append("first")
            self.engine.callback_set("done", second)

        def second(_: Reply) -> None:
            heard.append("second")
            self.engine.callback_set("done", None)

        self.engine.callback_set("done", first)
        for record in ("phone1=1", "phone1=2", "phone1=3"):
            self.add(record, callback="done")
        self.assertEqual(heard, ["first", "second"])

    def test_a_name_that_is_refused_keeps_no_function(self) -> None:
        function = unittest.mock.Mock()
        gone = weakref.ref(function)
        with self.assertRaisesRegex(ImportCjiError, "name is empty"):
            self.engine.callback_set("", function)
        del function
        gc.collect()
        self.assertIsNone(gone())

    def test_a_callback_may_call_the_engine_and_import_with_a_callback_of_its_own(self) -> None:
        heard: list[str] = []

        def outer(reply: Reply) -> None:
            heard.append(reply.message)
            self.add("phone1=2", callback="inner")
            heard.append(str(self.engine.campaign_get(12)["customers"]))

        self.engine.callback_set("outer", outer)
        self.engine.callback_set("inner", lambda reply: heard.append(reply.message))
        self.add("phone1=1", callback="outer")
        self.assertEqual(heard, ["customer 1 added", "customer 2 added", "2"])

    def test_what_a_callback_raises_is_raised_by_the_call(self) -> None:
        for error in (KeyError("mine"), SystemExit(3), KeyboardInterrupt()):
            with self.subTest(repr(error)):
                self.engine.callback_set("done", raising(error))
                with self.assertRaises(type(error)) as caught:
                    self.add(callback="done")
                self.assertIs(caught.exception, error)
        self.assertEqual(self.engine.campaign_get(12)["customers"], 1)

    def test_what_an_inner_callback_raises_may_be_caught_in_the_outer_one(self) -> None:
        caught: list[BaseException] = []

        def outer(_: Reply) -> None:
            try:
                self.add("phone1=2", callback="inner")
            except KeyError as error:
                caught.append(error)

        self.engine.callback_set("outer", outer)
        self.engine.callback_set("inner", raising(KeyError("mine")))
        self.add("phone1=1", callback="outer")
        self.assertEqual(len(caught), 1)

    def test_calls_that_a_callback_may_not_make_are_refused(self) -> None:
        errors: list[BaseException] = []

        def done(_: Reply) -> None:
            for refused in (self.engine.close, self.engine.worker_stop, self.engine.jobs_run_due):
                try:
                    refused()
                except (RuntimeError, ImportCjiError) as error:
                    errors.append(error)

        self.engine.callback_set("done", done)
        self.add(callback="done")
        self.assertEqual([type(error) for error in errors], [RuntimeError, ImportCjiError, ImportCjiError])
        self.assertEqual(self.engine.campaign_get(12)["customers"], 1)

    def test_another_engine_cant_be_closed_in_a_callback_either(self) -> None:
        with support.opened() as other:
            self.engine.callback_set("done", lambda _: other.close())
            with self.assertRaisesRegex(RuntimeError, "inside"):
                self.add(callback="done")
            self.assertEqual(other.campaign_get(12)["customers"], 0)


class ProgressTest(support.EngineTest):
    """Functions that watch jobs."""

    def setUp(self) -> None:
        super().setUp()
        self.url = support.served(self).url

    def import_file(self, **more: str) -> Reply:
        return self.engine.import_cji(**LOGIN, source="http", context=self.url + "/leads.csv", **more)

    def test_progress_gets_the_job(self) -> None:
        jobs: list[Job] = []
        self.engine.progress_set(jobs.append)
        self.import_file()
        self.assertEqual((jobs[0]["state"], jobs[-1]["state"], jobs[-1]["read"]), ("running", "succeeded", 2))
        self.assertEqual(jobs[-1], self.engine.job_get(1))

    def test_an_answer_that_is_true_cancels_the_job(self) -> None:
        for answer in (True, 1, "yes"):
            with self.subTest(answer), self.assertRaisesRegex(ImportCjiError, "cancelled"):
                self.engine.progress_set(lambda _, answer=answer: answer)  # type: ignore[misc]
                self.import_file()

    def test_no_answer_lets_it_go_on(self) -> None:
        for answer in (None, False, 0, ""):
            self.engine.progress_set(lambda _, answer=answer: answer)  # type: ignore[misc]
            self.import_file()

    def test_what_progress_raises_cancels_the_job_and_is_raised_by_the_call(self) -> None:
        self.engine.progress_set(raising(KeyError("mine")))
        with told() as uncaught, self.assertRaisesRegex(KeyError, "mine"):
            self.import_file()
        self.assertEqual((self.engine.job_get(1)["state"], uncaught), ("cancelled", []))

    def test_an_answer_that_is_neither_true_nor_false_counts_as_raised(self) -> None:
        self.engine.progress_set(lambda _: Undecided())
        with self.assertRaisesRegex(ZeroDivisionError, "undecided"):
            self.import_file()

    def test_progress_that_was_removed_is_called_no_more_and_let_go(self) -> None:
        progress = unittest.mock.Mock(return_value=False)
        gone = weakref.ref(progress)
        self.engine.progress_set(progress)
        self.engine.progress_set(None)
        self.import_file()
        self.assertEqual(progress.call_count, 0)
        del progress
        gc.collect()
        self.assertIsNone(gone())

    def test_the_library_knows_that_a_callback_was_removed(self) -> None:
        self.engine.callback_set("done", print)
        self.engine.callback_set("done", None)
        self.import_file(callbackFuc="done")
        self.assertIn("no callback", self.engine.job_get(1)["warnings"][0])

    def test_the_first_of_several_errors_is_raised_and_the_others_are_told(self) -> None:
        with support.opened(background=True) as engine, told() as uncaught:
            for callback in ("one", "two", "three"):
                engine.callback_set(callback, raising(KeyError(callback)))
                engine.import_cji(**LOGIN, source="http", context=self.url + "/leads.csv", callbackFuc=callback)
            with self.assertRaisesRegex(KeyError, "one"):
                engine.jobs_run_due()
            self.assertEqual([str(error) for error in uncaught], ["'two'", "'three'"])
            self.assertEqual([job["state"] for job in engine.job_list()["jobs"]], ["succeeded"] * 3)


class WorkerTest(support.EngineTest):
    """Functions that are called on the worker's thread."""

    def setUp(self) -> None:
        super().setUp()
        self.url = support.served(self).url
        self.engine = support.opened(background=True)
        self.addCleanup(self.engine.close)
        self.ended = threading.Event()

    def run_job(self) -> None:
        self.engine.worker_start()
        self.engine.import_cji(**LOGIN, source="http", context=self.url + "/leads.csv", callbackFuc="done")
        self.assertTrue(self.ended.wait(20))
        self.engine.worker_stop()

    def test_callbacks_come_on_the_workers_thread(self) -> None:
        idents: set[int] = set()
        replies: list[Reply] = []

        def done(reply: Reply) -> None:
            replies.append(reply)
            idents.add(threading.get_ident())
            self.ended.set()

        self.engine.callback_set("done", done)
        self.engine.progress_set(lambda _: idents.add(threading.get_ident()))
        self.run_job()
        self.assertEqual(replies, [Reply(1, "1")])
        self.assertEqual(len(idents - {threading.get_ident()}), 1)

    def test_what_a_callback_raises_there_goes_to_the_excepthook(self) -> None:
        def done(_: Reply) -> None:
            self.ended.set()
            raise KeyError("done")

        self.engine.callback_set("done", done)
        with told() as uncaught:
            self.run_job()
        self.assertEqual([str(error) for error in uncaught], ["'done'"])

    def test_what_progress_raises_there_cancels_the_job(self) -> None:
        self.engine.callback_set("done", lambda _: self.ended.set())
        self.engine.progress_set(raising(KeyError("progress")))
        with told() as uncaught:
            self.run_job()
        self.assertEqual([str(error) for error in uncaught], ["'progress'"])
        self.assertEqual(self.engine.job_get(1)["state"], "cancelled")

    def test_a_callback_there_may_call_the_engine_but_not_close_it(self) -> None:
        heard: list[Any] = []

        def done(reply: Reply) -> None:
            try:
                heard.append(self.engine.job_get(reply.message)["state"])
                self.engine.close()
            except RuntimeError as error:
                heard.append(type(error))
            self.ended.set()

        self.engine.callback_set("done", done)
        self.run_job()
        self.assertEqual(heard, ["succeeded", RuntimeError])

    def test_functions_may_be_replaced_and_removed_while_they_are_in_use(self) -> None:
        calls: list[Any] = []
        self.engine.worker_start()
        for n in range(30):
            self.engine.import_cji(**LOGIN, source="http", context=self.url + "/leads.csv", callbackFuc="done")
            self.engine.progress_set([None, calls.append, lambda job: calls.append(job)][n % 3])
            self.engine.callback_set("done", [calls.append, None, lambda reply: calls.append(reply)][n % 3])
        while (
            self.engine.job_list({"state": "scheduled"})["jobs"] or self.engine.job_list({"state": "running"})["jobs"]
        ):
            self.engine.progress_set(calls.append)
            self.engine.callback_set("done", lambda reply: calls.append(reply))
            self.engine.callback_set("done", None)
        self.assertTrue(calls)


def raising(error: BaseException) -> Callable[[Any], None]:
    """A function that raises this."""

    def function(_: object) -> None:
        raise error

    return function


class Undecided:
    def __bool__(self) -> bool:
        raise ZeroDivisionError("undecided")


class told:  # noqa: N801
    """What threading.excepthook is told meanwhile."""

    def __enter__(self) -> list[BaseException]:
        self.uncaught: list[BaseException] = []
        self.patch = unittest.mock.patch.object(
            threading, "excepthook", lambda args: self.uncaught.append(args.exc_value)
        )
        self.patch.start()
        return self.uncaught

    def __exit__(self, *_: object) -> None:
        self.patch.stop()
