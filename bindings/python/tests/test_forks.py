"""Engines in forked children."""

import unittest

import support


class ForkTest(unittest.TestCase):
    def test_in_a_forked_child_every_call_fails_and_closing_only_forgets(self) -> None:
        told = support.printed(
            """
            engine = opened()
            engine.worker_start()
            child = os.fork()
            if child == 0:
                try:
                    engine.job_list()
                except ImportCjiError as error:
                    print(error.code, error.message)
                print(engine.import_ws())
                engine.close()
                try:
                    engine.job_list()
                except ValueError as error:
                    print(error)
                sys.exit(0)  # as a program ends
            print(os.waitpid(child, 0)[1])
            print(engine.campaign_get(12)["name"])
            """
        )
        forked, ws, closed, status, name = told.splitlines()
        self.assertRegex(forked, "^2 .*fork")
        self.assertRegex(ws, r"^\|Retuen\|2\|Retuen\|.*fork")
        self.assertEqual((closed, status, name), ("the engine is closed", "0", "Spring renewals"))

    def test_so_it_is_in_a_child_forked_in_the_middle_of_calls_of_other_threads(self) -> None:
        told = support.printed(
            """
            engine = opened()
            engine.worker_start()
            for _ in range(3):
                threading.Thread(target=lambda: [engine.job_list() for _ in iter(int, 1)], daemon=True).start()
            for _ in range(100):
                child = os.fork()
                if child == 0:
                    signal.alarm(20)
                    try:
                        engine.job_list()
                    except ImportCjiError:
                        engine.close()
                        os._exit(0)
                    os._exit(1)
                assert os.waitpid(child, 0)[1] == 0
            print("forked", flush=True)
            os._exit(0)
            """
        )
        self.assertEqual(told, "forked")

    def test_no_lock_of_a_thread_that_only_the_parent_has_is_waited_for(self) -> None:
        told = support.printed(
            """
            engine = opened()
            held, go_on = threading.Event(), threading.Event()

            def hold():
                with engine._handle._changed, engine._handle._closer:
                    held.set()
                    go_on.wait()

            thread = threading.Thread(target=hold)
            thread.start()
            held.wait()
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                try:
                    engine.job_list()
                except ImportCjiError:
                    engine.close()
                    os._exit(0)
            print(os.waitpid(child, 0)[1])
            go_on.set()
            thread.join()
            engine.close()
            """
        )
        self.assertEqual(told, "0")

    def test_an_engine_is_forgotten_in_a_child_in_silence(self) -> None:
        told = support.printed(
            """
            warnings.simplefilter("always")
            engine = opened()
            child = os.fork()
            if child == 0:
                del engine
                gc.collect()
                sys.exit(0)
            print(os.waitpid(child, 0)[1])
            engine.close()
            """
        )
        self.assertEqual(told, "0")

    def test_processes_share_a_store_by_engines_of_their_own(self) -> None:
        with support.folder() as folder:
            told = support.printed(
                """
                def work(n):
                    with Engine(sys.argv[1]) as engine:
                        return engine.import_cji(**LOGIN, source="data", context=f"phone1={n}").message

                opened(sys.argv[1]).close()
                with multiprocessing.get_context("fork").Pool(4) as pool:
                    print(*sorted(pool.map(work, range(20)), key=len)[0:1])
                with Engine(sys.argv[1]) as engine:
                    print(engine.campaign_get(12)["customers"])
                """,
                folder / "calls.db",
            )
        self.assertRegex(told, r"^customer \d added\n20$")
