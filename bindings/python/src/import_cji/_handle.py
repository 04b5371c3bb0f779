"""An open engine of the library: lent to calls, and closed when none of them runs."""

import atexit
import contextlib
import json
import os
import threading
import warnings
import weakref
from collections.abc import Iterator
from ctypes import CDLL
from typing import Any, Optional

from . import _abi
from ._calls import Call, inside, inside_callback
from ._types import ImportCjiError


class Handle:
    """A `cji_engine *`, which any thread may use."""

    _pointer: Optional[_abi.EngineHandle] = None

    def __init__(self, library: CDLL, location: object, options: object) -> None:
        self.library = library
        self._opener = os.getpid()
        self._changed = threading.Condition()
        self._running = 0
        self._closing = False
        self._closer = threading.RLock()
        error = _abi.OwnedText()
        values = _abi.encoded("cji_engine_open", location, options, error)
        with Call():
            pointer = library.cji_engine_open(*values)
            if not pointer:
                _checked(_abi.taken(library, error))
            self._pointer = pointer
        _open.add(self)

    def text(self, name: str, *arguments: object) -> str:
        """What a function answers."""
        values = _abi.encoded(name, *arguments)
        with Call(), self._lent() as pointer:
            return _abi.taken(self.library, getattr(self.library, name)(pointer, *values))

    def reply(self, name: str, *arguments: object) -> dict[str, Any]:
        """The reply of a function, if it is a good one."""
        return _checked(self.text(name, *arguments))

    def close(self) -> None:
        """Waits for the calls that run and for the worker, and closes the engine. Once closed, nothing happens."""
        if inside():
            raise RuntimeError("an engine can't be closed inside a call or a callback of the library")
        if self._is_inherited():
            self._close()
            return
        with self._closer:
            if self._pointer is None:
                return
            with self._changed:
                self._closing = True
            # While the worker stops, its callbacks may call on; cji_engine_close() has to be alone.
            _abi.taken(self.library, self.library.cji_worker_stop(self._pointer))
            with self._changed:
                self._changed.wait_for(lambda: self._running == 0)
            self._close()

    @contextlib.contextmanager
    def _lent(self) -> Iterator[_abi.EngineHandle]:
        """Keeps the engine open during a call."""
        if self._is_inherited() and self._pointer is not None:
            # The library refuses by itself; a lock may be held here for ever, by a thread that only the parent has.
            yield self._pointer
            return
        with self._changed:
            if self._pointer is None or (self._closing and not inside_callback()):
                raise ValueError("the engine is closed")
            pointer = self._pointer
            self._running += 1
        try:
            yield pointer
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _is_inherited(self) -> bool:
        return os.getpid() != self._opener

    def _close(self) -> None:
        pointer, self._pointer = self._pointer, None
        self.library.cji_engine_close(pointer)

    def __del__(self) -> None:
        if self._pointer is None or self._is_inherited():
            return
        warnings.warn("an engine was not closed", ResourceWarning, source=self, stacklevel=1)
        if inside():
            # Garbage is collected anywhere, also in a callback, where the library closes nothing.
            threading.Thread(target=self.library.cji_engine_close, args=(self._pointer,), daemon=False).start()
        else:
            self._close()


def _checked(reply: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(reply)
    if read["code"] != 1:
        raise ImportCjiError(read["code"], read["message"])
    return read


_open: "weakref.WeakSet[Handle]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """No worker may call back into an interpreter that is going away."""
    for handle in list(_open):
        handle.close()
