"""What a thread is inside of, and what is raised there.

No exception may cross the library's frames: what the host's functions raise is kept, and raised when the call of the
library that their thread is in has ended. Signals need the same care. Python runs their handlers between any two steps
of the main thread, so also before the first step of a callback, where nothing could catch what they raise.
"""

import itertools
import json
import signal
import threading
import weakref
from types import FrameType
from typing import Any, Callable, Optional

from ._abi import CALLBACK, PROGRESS
from ._types import Job, Reply

# Those that programs handle. Looking for handlers of all would take longer than a small import.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)


class _Here(threading.local):
    """What this thread is inside of."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.callbacks = 0


_here = _Here()


def inside_callback() -> bool:
    """Whether this thread runs a function that the library called."""
    return _here.callbacks > 0


def inside() -> bool:
    """Whether this thread is inside the library, or inside a function that the library called."""
    return bool(_here.calls) or inside_callback()


class Call:
    """A call of the library, while it runs; what callbacks and signals raise meanwhile is raised at its end."""

    def __init__(self) -> None:
        self._callbacks = _here.callbacks
        self._handlers: list[_Handler] = []
        self._raised: Optional[BaseException] = None
        self.cancels = False
        """Whether the job that runs inside it is to be cancelled."""

    def __enter__(self) -> None:
        if threading.get_ident() == threading.main_thread().ident:
            self._handlers = [_Handler(self, number) for number in _SIGNALS]
        _here.calls.append(self)  # from here on signals are kept

    def __exit__(self, *_: object) -> None:
        _here.calls.pop()  # and from here on not
        raised, self._raised = self._raised, None
        try:
            while self._handlers:
                self._handlers.pop().remove()
            if raised is not None:
                raise raised
        finally:
            del raised  # its traceback has this frame, which must not have it in turn

    def keep(self, error: BaseException) -> None:
        """Raises the error when the call ends, or tells of it now if there is one already."""
        if self._raised is None:
            self._raised = error
        else:
            _tell_uncaught(error)

    def signalled(self, error: BaseException) -> None:
        """Keeps what a signal's handler raised."""
        if _here.callbacks > self._callbacks:
            raise error  # inside the host's function, which `_run` guards
        self.cancels = True
        if self._raised is None:  # one Ctrl-C is as good as two
            self._raised = error


class _Handler:
    """A signal's handler that has another's errors kept by a call, if there is another.

    Out of its call it is as the other one alone: so no harm is done where a signal comes before it is removed.
    """

    def __init__(self, call: Call, number: signal.Signals) -> None:
        self._call = call
        self._number = number
        self._handler: Any = signal.getsignal(number)
        while isinstance(self._handler, _Handler) and self._handler._call not in _here.calls:
            self._handler = self._handler._handler
        if callable(self._handler):
            signal.signal(number, self)

    def __call__(self, number: int, frame: Optional[FrameType]) -> None:
        try:
            self._handler(number, frame)
        except BaseException as error:
            if self._call not in _here.calls:
                raise
            self._call.signalled(error)

    def remove(self) -> None:
        """Puts the other one back, if nobody has set a third meanwhile."""
        if signal.getsignal(self._number) is self:
            signal.signal(self._number, self._handler)


def _tell_uncaught(error: BaseException) -> None:
    threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, None)))


class Slot:
    """A place for one function of the host, which the library knows by a number.

    The library points to `on_reply` and `on_progress` alone, which are never freed: so a function may be replaced, or
    collected as garbage with its engine, at any time.
    """

    def __init__(self) -> None:
        self.function: Optional[Callable[[Any], object]] = None
        self.number = next(_numbers)
        _slots[self.number] = self


_numbers = itertools.count(1)
_slots: "weakref.WeakValueDictionary[int, Slot]" = weakref.WeakValueDictionary()


def watching(progress: Callable[[Job], object]) -> Callable[[Job], bool]:
    """The function, which hears no more of a job at which it failed: it would only fail again at that job's end."""
    failed = 0

    def watch(job: Job) -> bool:
        nonlocal failed
        if job["id"] == failed:
            return False
        try:
            return bool(progress(job))
        except BaseException:
            failed = job["id"]
            raise

    return watch


def _run(number: int, value: Callable[[], Any]) -> bool:
    """Runs the host's function on a value, and tells whether its answer was true. Lets nothing out."""
    callbacks = _here.callbacks
    try:
        _here.callbacks = callbacks + 1
        slot = _slots.get(number)
        answer = slot is not None and slot.function is not None and bool(slot.function(value()))
        _here.callbacks = callbacks
    except BaseException as error:
        _here.callbacks = callbacks
        if _here.calls:
            _here.calls[-1].keep(error)
        else:
            _tell_uncaught(error)
        return True
    return answer


def _on_reply(reply: bytes, number: int) -> None:
    _run(number, lambda: Reply(**json.loads(reply)))


def _on_progress(job: bytes, number: int) -> int:
    if _here.calls and _here.calls[-1].cancels:
        _here.calls[-1].cancels = False  # this job, and not those that are run after it
        return 1
    return _run(number, lambda: json.loads(job))


on_reply = CALLBACK(_on_reply)
on_progress = PROGRESS(_on_progress)
