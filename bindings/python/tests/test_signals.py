"""Signals that come while the main thread is in a call."""

import signal
import time
import unittest

import support


class SignalTest(unittest.TestCase):
    def setUp(self) -> None:
        self.files = support.served(self)

    def interrupted(self, body: str, number: signal.Signals = signal.SIGINT) -> tuple[str, float]:
        """What a program prints that gets a signal when its import has begun; and how long it took."""
        program = support.Program(body, self.files.url)
        self.assertTrue(self.files.asked.wait(20))
        time.sleep(0.1)
        program.child.send_signal(number)
        began = time.monotonic()
        out, err = program.ended()
        self.assertEqual(err, "")
        return out, time.monotonic() - began

    def test_ctrl_c_cancels_the_import_and_is_raised_by_it(self) -> None:
        told, seconds = self.interrupted(
            """
            engine = opened()
            try:
                import_file(engine, sys.argv[1] + "/slow.csv")
            except KeyboardInterrupt:
                print(engine.job_get(1)["state"], signal.getsignal(signal.SIGINT) is signal.default_int_handler)
            engine.close()
            """
        )
        self.assertEqual(told, "cancelled True")
        self.assertLess(seconds, 5)

    def test_what_any_handler_raises_does_so_too(self) -> None:
        for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1):
            with self.subTest(number.name):
                self.files.asked.clear()
                told, _ = self.interrupted(
                    f"""
                    def handler(number, frame):
                        raise TimeoutError(signal.Signals(number).name)

                    signal.signal({number}, handler)
                    engine = opened()
                    try:
                        import_file(engine, sys.argv[1] + "/slow.csv")
                    except TimeoutError as error:
                        print(error, engine.job_get(1)["state"])
                    engine.close()
                    """,
                    number,
                )
                self.assertEqual(told, f"{number.name} cancelled")

    def test_a_handler_that_raises_nothing_runs_at_once_and_the_import_goes_on(self) -> None:
        program = support.Program(
            """
            signal.signal(signal.SIGINT, lambda *_: print("handled", flush=True))
            engine = opened()
            print(import_file(engine, sys.argv[1] + "/slow.csv").message)
            """,
            self.files.url,
        )
        self.assertTrue(self.files.asked.wait(20))
        program.child.send_signal(signal.SIGINT)
        self.assertEqual(program.line(), "handled")
        self.files.go_on.set()
        self.assertEqual(program.ended(), ("1", ""))

    def test_a_handler_may_set_another(self) -> None:
        told, _ = self.interrupted(
            """
            signal.signal(signal.SIGINT, lambda *_: (signal.signal(signal.SIGINT, signal.SIG_IGN), sys.exit(3)))
            engine = opened()
            try:
                import_file(engine, sys.argv[1] + "/slow.csv")
            except SystemExit:
                print(signal.getsignal(signal.SIGINT).name)
            """
        )
        self.assertEqual(told, "SIG_IGN")

    def test_a_handler_cant_close_the_engine_under_the_call(self) -> None:
        told, _ = self.interrupted(
            """
            engine = opened()
            signal.signal(signal.SIGINT, lambda *_: engine.close())
            try:
                import_file(engine, sys.argv[1] + "/slow.csv")
            except RuntimeError as error:
                print(error)
            engine.close()
            """
        )
        self.assertIn("can't be closed inside", told)

    def test_ctrl_c_interrupts_a_callback_where_it_is(self) -> None:
        program = support.Program(
            """
            def watch(job):
                print("watching", flush=True)
                time.sleep(60)

            engine = opened()
            engine.progress_set(watch)
            try:
                import_file(engine, sys.argv[1] + "/leads.csv")
            except KeyboardInterrupt:
                print(engine.job_get(1)["state"])
            engine.close()
            """,
            self.files.url,
        )
        self.assertEqual(program.line(), "watching")
        program.child.send_signal(signal.SIGINT)
        self.assertEqual(program.ended(), ("cancelled", ""))

    def test_ctrl_c_cancels_the_job_that_runs_and_not_those_after_it(self) -> None:
        told, _ = self.interrupted(
            """
            engine = opened(background=True)
            import_file(engine, sys.argv[1] + "/slow.csv")
            import_file(engine, sys.argv[1] + "/leads.csv")
            try:
                engine.jobs_run_due()
            except KeyboardInterrupt:
                print(*(job["state"] for job in engine.job_list()["jobs"]))
            """
        )
        self.assertEqual(told, "cancelled succeeded")

    def test_ctrl_c_ends_the_waiting_of_close_which_may_be_called_again(self) -> None:
        program = support.Program(
            """
            engine = opened()
            thread = threading.Thread(target=import_file, args=(engine, sys.argv[1] + "/slow.csv"))
            thread.start()
            while not engine.job_list()["jobs"]:
                time.sleep(0.01)
            try:
                print("closing", flush=True)
                engine.close()
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            engine.close()
            thread.join()
            print("closed")
            """,
            self.files.url,
        )
        self.assertEqual(program.line(), "closing")
        time.sleep(0.3)
        program.child.send_signal(signal.SIGINT)
        self.assertEqual(program.line(), "interrupted")
        self.files.go_on.set()
        self.assertEqual(program.ended(), ("closed", ""))

    def test_any_moment_will_do(self) -> None:
        """Signals come every few microseconds, in calls with and without callbacks: none is lost, nothing is stuck."""
        told = support.printed(
            """
            class Bell(Exception):
                pass

            def ring(*_):
                global rung
                with contextlib.suppress(IndexError):
                    armed.pop()
                    rung += 1
                    raise Bell

            def knock():
                while True:
                    time.sleep(0.001)
                    signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

            engine = opened()
            engine.callback_set("done", lambda reply: None)
            armed, rounds, rung, heard, end = [], 0, 0, 0, time.monotonic() + 3
            signal.signal(signal.SIGALRM, ring)
            signal.signal(signal.SIGUSR1, ring)
            threading.Thread(target=knock, daemon=True).start()
            while time.monotonic() < end:
                rounds += 1
                try:
                    armed.append(True)
                    signal.setitimer(signal.ITIMER_REAL, 1e-6 * (1 + rounds % 400))
                    engine.import_cji(**LOGIN, source="data", context="phone1=1", callbackFuc="done")
                    engine.job_list()
                    engine.query("SELECT 1")
                    armed.clear()
                except Bell:
                    heard += 1
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.setitimer(signal.ITIMER_REAL, 0)
            engine.job_list()  # takes away what a signal may have left at the end of the last call
            assert signal.getsignal(signal.SIGALRM) is ring
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            assert heard == rung > 100, (heard, rung)
            closing = threading.Thread(target=engine.close)
            closing.start()
            closing.join()
            print("closed")
            """
        )
        self.assertEqual(told, "closed")
