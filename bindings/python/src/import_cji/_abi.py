"""The C ABI of import_cji.h: its functions as ctypes declares them, and the library that has them."""

import functools
import json
import os
import pathlib
from ctypes import CDLL, CFUNCTYPE, POINTER, c_char_p, c_int32, c_uint32, c_void_p, string_at
from typing import Any, Optional

ABI_VERSION = 1


class EngineHandle(c_void_p):
    """`cji_engine *`."""


class OwnedText(c_void_p):
    """`char *`. Not `c_char_p`, which would convert the text and lose the address that must be freed."""


class Text(c_char_p):
    """`const char *`."""

    TAKES = "str"

    @classmethod
    def encoded(cls, parameter: str, value: object) -> bytes:
        """The value in the ABI's form; what the ABI can't carry is a TypeError or ValueError."""
        if not isinstance(value, str):
            raise TypeError(f"{parameter}: is {type(value).__name__}, not {cls.TAKES}")
        if "\0" in value:
            raise ValueError(f"{parameter}: holds a NUL character")
        return value.encode()


class IdText(Text):
    """`const char *`, a decimal id."""

    TAKES = "int or str"

    @classmethod
    def encoded(cls, parameter: str, value: object) -> bytes:
        """A number, or its text."""
        return super().encoded(parameter, str(value) if isinstance(value, int) else value)


class PathText(Text):
    """`const char *`, a path."""

    TAKES = "str or os.PathLike"

    @classmethod
    def encoded(cls, parameter: str, value: object) -> bytes:
        """A path, or its text."""
        return super().encoded(parameter, os.fspath(value) if isinstance(value, os.PathLike) else value)


class JsonText(Text):
    """`const char *`, "" or JSON."""

    TAKES = "dict, list or str"

    @classmethod
    def encoded(cls, parameter: str, value: object) -> bytes:
        """A dict or list, or its text."""
        if isinstance(value, (dict, list, tuple)):
            value = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return super().encoded(parameter, value)


class Int32(c_int32):
    """`int32_t`."""

    @classmethod
    def encoded(cls, parameter: str, value: object) -> int:
        """The number itself, if it has 32 bits; ctypes would cut off the others."""
        if not isinstance(value, int):
            raise TypeError(f"{parameter}: is {type(value).__name__}, not int")
        if c_int32(value).value != value:
            raise OverflowError(f"{parameter}: {value} does not fit into 32 bits")
        return value


CALLBACK = CFUNCTYPE(None, c_char_p, c_void_p)
PROGRESS = CFUNCTYPE(c_int32, c_char_p, c_void_p)


def _call(*texts: str, **others: Any) -> tuple[Any, dict[str, Any]]:
    """A function that takes the engine and these parameters, and answers with a text."""
    return OwnedText, {"engine": EngineHandle, **dict.fromkeys(texts, Text), **others}


_IMPORT = [
    "orgidentity",
    "usertype",
    "user",
    "pwdtype",
    "password",
    "modeltype",
    "model_id",
    "source",
    "context",
    "source_user",
    "source_pwd",
    "exetime",
    "delrow",
    "phone_field",
    "priority_field",
    "dialtime_field",
    "emptyagent",
    "resetstatus",
    "dupway",
    "dupdiallist",
    "changepackage",
]

# What each function of the header returns, and its parameters.
FUNCTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "cji_version": (c_char_p, {}),
    "cji_abi_version": (c_uint32, {}),
    "cji_text_free": (None, {"text": OwnedText}),
    "cji_engine_open": (EngineHandle, {"location": PathText, "options": JsonText, "error": POINTER(OwnedText)}),
    "cji_engine_close": (None, {"engine": EngineHandle}),
    "import_cji": _call(*_IMPORT, "callbackFuc", model_id=IdText, delrow=IdText),
    "import_ws": _call(*_IMPORT, model_id=IdText, delrow=IdText),
    "import_event": _call("query"),
    "import_jsonp": _call("query"),
    "cji_team_add": _call("orgidentity", "name"),
    "cji_user_set": _call("orgidentity", "usertype", "user", "pwdtype", "password"),
    "cji_user_disable": _call("orgidentity", "usertype", "user"),
    "cji_main_table_define": _call("orgidentity", definition=JsonText),
    "cji_campaign_add": _call("orgidentity", definition=JsonText),
    "cji_campaign_get": _call(campaign_id=IdText),
    "cji_job_get": _call(job_id=IdText),
    "cji_job_list": _call(filter=JsonText),
    "cji_job_cancel": _call(job_id=IdText),
    "cji_job_rejects": _call(job_id=IdText, path=PathText),
    "cji_jobs_run_due": _call(),
    "cji_worker_start": _call(),
    "cji_worker_stop": _call(),
    "cji_callback_set": _call("name", callback=CALLBACK, user_data=c_void_p),
    "cji_progress_set": _call(progress=PROGRESS, user_data=c_void_p),
    "cji_customer_list": _call(campaign_id=IdText, filter=JsonText),
    "cji_customer_set": _call(campaign_id=IdText, customer_id=IdText, changes=JsonText),
    "cji_dial_list": _call(campaign_id=IdText, filter=JsonText),
    "cji_dial_next": _call(campaign_id=IdText, limit=Int32, lease_seconds=Int32),
    "cji_dial_done": _call(campaign_id=IdText, entry_id=IdText, outcome=JsonText),
    "cji_query": _call("sql", arguments=JsonText),
}


def encoded(name: str, *values: object) -> list[object]:
    """What a function is called with, the engine left out, in the ABI's form."""
    kinds = [(parameter, kind) for parameter, kind in FUNCTIONS[name][1].items() if kind is not EngineHandle]
    return [
        kind.encoded(parameter, value) if hasattr(kind, "encoded") else value
        for (parameter, kind), value in zip(kinds, values)
    ]


@functools.cache
def load(path: Optional[str] = None) -> CDLL:
    """The library at this path, else the one in this package, else the system's."""
    packaged = pathlib.Path(__file__).with_name("libimport_cji.so")
    if path is None:
        path = str(packaged) if packaged.exists() else "libimport_cji.so.0"
    library = CDLL(path)
    if not hasattr(library, "cji_abi_version"):
        raise OSError(f"{path} is not the library import-cji")
    found = library.cji_abi_version()
    if found != ABI_VERSION:
        raise OSError(f"{path} has version {found} of the ABI, this package needs version {ABI_VERSION}")
    for name, (result, parameters) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, list(parameters.values())
    return library


def taken(library: CDLL, text: OwnedText) -> str:
    """A text that the library gave away, as str; the text itself is freed."""
    try:
        return string_at(text).decode()
    finally:
        library.cji_text_free(text)
