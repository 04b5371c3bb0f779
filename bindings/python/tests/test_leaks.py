"""Memory, files and speed over many calls. The figures are printed."""

import contextlib
import gc
import os
import sys
import time
import tracemalloc
from typing import Callable

import support
from support import LOGIN

from import_cji import Engine, ImportCjiError, Reply

CALLS = 100_000


def resident() -> int:
    """KiB of this process in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def tell(text: str) -> None:
    print(f"[{sys.version.split()[0]}] {text}", file=sys.stderr)


def ignore(_: Reply) -> None:
    """A callback."""


def fail(_: Reply) -> None:
    """A callback that fails."""
    raise KeyError("mine")


class LeakTest(support.EngineTest):
    def setUp(self) -> None:
        super().setUp()
        self.engine.callback_set("done", ignore)

    def call_all(self, rounds: int) -> None:
        """Five calls a round: a text, data, two failures, an import with a callback."""
        for _ in range(rounds):
            self.engine.import_event("EVENT=Import")
            self.engine.campaign_get(12)
            with contextlib.suppress(ImportCjiError):
                self.engine.campaign_get(99)
            with contextlib.suppress(ImportCjiError):
                self.engine.import_cji()
            self.engine.import_cji(**LOGIN, source="data", context="phone1=1", callbackFuc="done")

    def test_memory_stays_flat_over_100000_calls(self) -> None:
        self.call_all(2_000)
        before = resident()
        self.call_all(CALLS // 5)
        after = resident()
        tell(f"{CALLS:,} calls: {before:,} KiB resident before, {after:,} KiB after")
        self.assertLess(after - before, 1024)

    def test_pythons_memory_stays_flat_without_its_garbage_collector(self) -> None:
        names = 0

        def calls() -> None:
            nonlocal names
            names += 1
            self.call_all(20)
            for n in range(100):
                self.engine.callback_set(f"done{names}.{n}", lambda _: None)
                self.engine.callback_set("failing", fail)
                with contextlib.suppress(KeyError):
                    self.engine.import_cji(**LOGIN, source="data", context="phone1=1", callbackFuc="failing")
                self.engine.progress_set(lambda _: None)
                self.engine.callback_set(f"done{names}.{n}", None)

        grown = self.grown(calls)
        tell(f"1,000 callbacks set, called, failed and removed: {grown:,} bytes more in Python")
        self.assertLess(grown, 10_000)

    def grown(self, calls: Callable[[], None]) -> int:
        gc.disable()
        self.addCleanup(gc.enable)
        calls()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        calls()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(10):
            calls()
        return tracemalloc.get_traced_memory()[0] - before

    def test_engines_leave_no_memory_files_or_threads(self) -> None:
        def open_and_close(rounds: int) -> None:
            for n in range(rounds):
                with Engine(str(folder / f"{n % 10}.db")) as engine:
                    engine.worker_start()
                    engine.callback_set("done", ignore)

        with support.folder() as folder:
            open_and_close(50)
            before, files, threads = resident(), len(os.listdir("/proc/self/fd")), support.threads()
            open_and_close(500)
            grown = resident() - before
            tell(f"500 engines opened and closed: {grown:,} KiB more resident")
            self.assertLess(grown, 1024)
            self.assertEqual(len(os.listdir("/proc/self/fd")), files)
            self.assertLessEqual(support.threads(), threads)

    def test_threads_are_not_in_each_others_way(self) -> None:
        def imports() -> None:
            for _ in range(1000):
                self.engine.import_cji(**LOGIN, source="data", context="phone1=1")

        for number in (1, 4):
            began = time.monotonic()
            threads = [support.in_thread(imports) for _ in range(number)]
            for thread in threads:
                thread.join(60)
                self.assertFalse(thread.is_alive())
            tell(f"{number} thread(s): {1000 * number / (time.monotonic() - began):,.0f} records a second in memory")
