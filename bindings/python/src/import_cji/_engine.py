"""The engine: each function of the library as a method."""

from os import PathLike
from typing import Any, Callable, NoReturn, Optional, Union, cast

from . import _abi
from ._calls import Slot, on_progress, on_reply, watching
from ._handle import Handle
from ._types import (
    Campaign,
    CampaignDefinition,
    CustomerChanges,
    CustomerFilter,
    Customers,
    Entries,
    EntryFilter,
    Id,
    Job,
    JobFilter,
    Jobs,
    Leased,
    MainTableDefinition,
    Options,
    Outcome,
    Reply,
    Rows,
)

Path = Union[str, "PathLike[str]"]


class Engine:
    """One open store, and all that can be done with it.

        with Engine("calls.db") as engine:
            engine.import_cji(...)

    `location` is the path of an SQLite file, made where there is none, or ":memory:". `options` is a dict or its JSON.
    `library` is the path of `libimport_cji.so`; left out, it is the one that came with this package, else the system's.

    Every method answers when the library has done its work, or raises `ImportCjiError` with the library's reason. What
    the library can't be given is a `TypeError` or `ValueError` (text with a NUL character or a lone surrogate), or an
    `OverflowError` (a number of more than 32 bits).

    **Threads.** All threads may share one engine. A call lets the other threads run while it is in the library.
    `Engine.close` waits until no other thread is inside a call.

    **Callbacks** run on the thread that runs the import: in a call, or on the worker's thread (`Engine.worker_start`),
    which holds the interpreter's lock meanwhile like any Python code. A callback may call every method but `close`,
    `worker_stop` and `jobs_run_due`. What it raises on the thread of a call is raised by that call, once the library is
    done; on the worker's thread it goes to `threading.excepthook`.

    **Signals.** What a signal's handler raises while the main thread is in a call, such as `KeyboardInterrupt`, cancels
    the job that runs in the call, and is raised at its end.

    **Processes.** An engine belongs to the process that opened it: in a forked child each method fails. Open engines
    after forking, and with `multiprocessing` in the child. An engine that is open when Python exits is closed then.
    """

    def __init__(self, location: Path, options: Union[Options, str] = "", *, library: Optional[Path] = None) -> None:
        """Opens the store; see the class. A library that is missing or of another version is an `OSError`."""
        path = None if library is None else _abi.PathText.encoded("library", library).decode()
        self._handle = Handle(_abi.load(path), location, options)
        self._location = location
        self._callbacks: dict[str, Slot] = {}
        self._progress = Slot()
        # Also without a function of the host's: it is what cancels a job after a signal.
        self._handle.reply("cji_progress_set", on_progress, self._progress.number)

    def __enter__(self) -> "Engine":
        """The engine itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    def __repr__(self) -> str:
        """Names the store."""
        return f"<import_cji.Engine {str(self._location)!r}>"

    def __reduce__(self) -> NoReturn:
        """Refuses to be pickled or copied."""
        raise TypeError("an engine can't be pickled or copied: open one in each process")

    def close(self) -> None:
        """Waits for the calls that run on other threads and for the worker, then lets go of the store.

        Other calls are refused from the beginning with a `ValueError`, but for those of callbacks that still run. A job
        that the worker is in the middle of stays as its last finished chunk left it, and is taken up again by the next
        worker or `jobs_run_due` of any process. Closing a second time does nothing; closing in a callback is a
        `RuntimeError`.
        """
        self._handle.close()

    def import_cji(
        self,
        *,
        orgidentity: str = "",
        usertype: str = "",
        user: str = "",
        pwdtype: str = "",
        password: str = "",
        modeltype: str = "",
        model_id: Id = "",
        source: str = "",
        context: str = "",
        source_user: str = "",
        source_pwd: str = "",
        exetime: str = "",
        delrow: Id = "",
        phone_field: str = "",
        priority_field: str = "",
        dialtime_field: str = "",
        emptyagent: str = "",
        resetstatus: str = "",
        dupway: str = "",
        dupdiallist: str = "",
        changepackage: str = "",
        callbackFuc: str = "",
    ) -> Reply:
        """Imports one record, or a CSV file from an HTTP or FTP server, into a campaign's customer package.

        What is left out is "". Listed values and field names are compared without regard to case and white space around
        them; users, teams and passwords exactly. All complaints come in one message.

        - `orgidentity`: the team. Required.
        - `usertype`: "agent" or "account". Required.
        - `user`: the agent's number or the account's name. Required.
        - `pwdtype`: "plaintext", or "md5": 32 hex digits of the password's MD5. Required.
        - `password`: the password, in that form. Required.
        - `modeltype`: "Campaign". Required.
        - `model_id`: the id of a campaign of this team, as `Engine.campaign_add` gave it. Required.
        - `source`: "data": one record; "http", "ftp": a CSV file. Required.
        - `context`: data: a record, "name=Joe||phone1=138xxxx88x8", by field or display name; http: an http or https
          URL; ftp: an ftp or ftps URL. Required.
        - `source_user`, `source_pwd`: login at the file server; it wins over one in the URL. "": none.
        - `exetime`: when to import a file, "YYYY-MM-DD HH:MM:SS". "": now.
        - `delrow`: how many lines to remove from the top of a file. "": 0.
        - `phone_field`: field: put the records on the dial list under this number. "": no dial list.
        - `priority_field`: field, or a column or piece of its own name: larger is dialled first. "": 0.
        - `dialtime_field`: likewise: not to be dialled before. "": at once.
        - `emptyagent`: "yes": a duplicate's agent is cleared. "no", "": it stays.
        - `resetstatus`: "yes": a duplicate's status becomes "open". "no", "": it stays.
        - `dupway`: "update": a duplicate's fields become the record's, where that has a value. "skip", "": they stay.
        - `dupdiallist`: whether a duplicate goes on the dial list. "ignoreDuplicate", "": no. "all": yes.
          "ignoreSuccess": yes, unless its status is "success".
        - `changepackage`: a duplicate of the main table in another package or in none. "skip", "": left alone.
          "unassignToCurrent": moved here from none. "reassignToCurrent": moved here from any.
        - `callbackFuc`: name of a callback (`Engine.callback_set`) that gets the reply when the import has ended.

        Returns the reply, whose message is for a file the job's id, and for a record what was done, such as "customer 5
        added; on the dial list". A failure is an `ImportCjiError`; the store is then as it was, or, of a file, as the
        last finished chunk left it.
        """
        read = self._handle.reply(
            "import_cji",
            orgidentity,
            usertype,
            user,
            pwdtype,
            password,
            modeltype,
            model_id,
            source,
            context,
            source_user,
            source_pwd,
            exetime,
            delrow,
            phone_field,
            priority_field,
            dialtime_field,
            emptyagent,
            resetstatus,
            dupway,
            dupdiallist,
            changepackage,
            callbackFuc,
        )
        return Reply(read["code"], read["message"])

    def import_ws(
        self,
        *,
        orgidentity: str = "",
        usertype: str = "",
        user: str = "",
        pwdtype: str = "",
        password: str = "",
        modeltype: str = "",
        model_id: Id = "",
        source: str = "",
        context: str = "",
        source_user: str = "",
        source_pwd: str = "",
        exetime: str = "",
        delrow: Id = "",
        phone_field: str = "",
        priority_field: str = "",
        dialtime_field: str = "",
        emptyagent: str = "",
        resetstatus: str = "",
        dupway: str = "",
        dupdiallist: str = "",
        changepackage: str = "",
    ) -> str:
        """The same import without `callbackFuc`, answered in the form of the vendor's web service.

        Returns `|Retuen|1|Retuen|message`, or `|Retuen|2|Retuen|message` where it failed.
        """
        return self._handle.text(
            "import_ws",
            orgidentity,
            usertype,
            user,
            pwdtype,
            password,
            modeltype,
            model_id,
            source,
            context,
            source_user,
            source_pwd,
            exetime,
            delrow,
            phone_field,
            priority_field,
            dialtime_field,
            emptyagent,
            resetstatus,
            dupway,
            dupdiallist,
            changepackage,
        )

    def import_event(self, query: str) -> str:
        """The same import from the query string of a request to the vendor's web service.

        `query` is what stands after the "?", such as "EVENT=Import&orgidentity=myteam&...". `EVENT` must be "Import";
        what is left out is "", unknown parameters are ignored. Returns as `import_ws`.
        """
        return self._handle.text("import_event", query)

    def import_jsonp(self, query: str) -> str:
        """The same import from a query string, answered as a script for the browser.

        `query` is as for `import_event`, but with `callback=jQuery1_2` instead of `EVENT`. Returns
        `jQuery1_2({"code":1,"message":"..."})`; where `callback` is no name, the bare JSON of a failure.
        """
        return self._handle.text("import_jsonp", query)

    def team_add(self, orgidentity: str, name: str) -> str:
        """Adds a team, or gives one that is there a new name."""
        return self._message("cji_team_add", orgidentity, name)

    def user_set(self, orgidentity: str, usertype: str, user: str, pwdtype: str, password: str) -> str:
        """Adds a user to a team, or changes its password; a disabled user is enabled again.

        `usertype` is "agent" or "account"; `pwdtype` is "plaintext", or "md5": 32 hex digits of the password's MD5.
        What is stored is a slow salted hash.
        """
        return self._message("cji_user_set", orgidentity, usertype, user, pwdtype, password)

    def user_disable(self, orgidentity: str, usertype: str, user: str) -> str:
        """Refuses a user's imports from now on, in every process, until `user_set`."""
        return self._message("cji_user_disable", orgidentity, usertype, user)

    def main_table_define(self, orgidentity: str, definition: Union[MainTableDefinition, str]) -> str:
        """Defines the fields and the unique key of a team's main table, or defines them anew: then too with all fields.

        A field that is left out is lost if no customer has a value in it; where one has, that is a failure.
        """
        return self._message("cji_main_table_define", orgidentity, definition)

    def campaign_add(self, orgidentity: str, definition: Union[CampaignDefinition, str]) -> str:
        """Adds a campaign to a team. Returns its id, as imports take it for `model_id`."""
        return self._message("cji_campaign_add", orgidentity, definition)

    def campaign_get(self, campaign_id: Id) -> Campaign:
        """Reads a campaign."""
        return cast(Campaign, self._data("cji_campaign_get", campaign_id))

    def job_get(self, job_id: Id) -> Job:
        """Reads a job, the import of one file. What it says is true while the job runs."""
        return cast(Job, self._data("cji_job_get", job_id))

    def job_list(self, filter: Union[JobFilter, str] = "") -> Jobs:
        """Lists jobs by id."""
        return cast(Jobs, self._data("cji_job_list", filter))

    def job_cancel(self, job_id: Id) -> str:
        """Cancels a job that is scheduled or running, whichever process runs it. It keeps its finished chunks."""
        return self._message("cji_job_cancel", job_id)

    def job_rejects(self, job_id: Id, path: Path) -> str:
        """Writes the rejected rows of a job as a CSV file: mend it, and import it again as it is.

        The columns `reject_line` (in the file, from 1) and `reject_reason` are added at the end. The file gets mode
        0600; one that is there is replaced.
        """
        return self._message("cji_job_rejects", job_id, path)

    def jobs_run_due(self) -> str:
        """Runs the jobs that are due on this thread, and returns when none is left. Returns how many it ran.

        What a callback raises is raised when all of them have run.
        """
        return self._message("cji_jobs_run_due")

    def worker_start(self) -> str:
        """Starts the worker, one background thread that runs due jobs, each within a second of its time.

        Callbacks of these jobs come on that thread, which is none of `threading`'s: values of `threading.local` do not
        outlive a callback there. An engine has one worker.
        """
        return self._message("cji_worker_start")

    def worker_stop(self) -> str:
        """Stops the worker, and returns when it has stopped; its job is taken up again later, where it was."""
        return self._message("cji_worker_stop")

    def callback_set(self, name: str, callback: Optional[Callable[[Reply], object]]) -> str:
        """Sets the function that imports name as `callbackFuc`; it gets the reply when the import has ended.

        It comes before the call returns if the import ran inside it, else on the thread that ran the job, in the
        process that ran it; several may come at once. None takes the name away.
        """
        _function("callback", callback)
        slot = self._callbacks.get(name, Slot())
        slot.function = callback
        message = self._message(
            "cji_callback_set", name, _abi.CALLBACK() if callback is None else on_reply, slot.number
        )
        if callback is None:
            self._callbacks.pop(name, None)
        else:
            self._callbacks[name] = slot
        return message

    def progress_set(self, progress: Optional[Callable[[Job], object]]) -> str:
        """Sets the function that watches running jobs, at most ten times a second and at the end of each.

        It is called on the thread that runs the job, which waits for it. An answer that is true cancels the job, and so
        does an exception. None: no more progress is told.
        """
        _function("progress", progress)
        self._progress.function = None if progress is None else watching(progress)
        return self._message("cji_progress_set", on_progress, self._progress.number)

    def customer_list(self, campaign_id: Id, filter: Union[CustomerFilter, str] = "") -> Customers:
        """Lists the customers of a campaign's package by id."""
        return cast(Customers, self._data("cji_customer_list", campaign_id, filter))

    def customer_set(self, campaign_id: Id, customer_id: Id, changes: Union[CustomerChanges, str]) -> str:
        """Changes a customer."""
        return self._message("cji_customer_set", campaign_id, customer_id, changes)

    def dial_list(self, campaign_id: Id, filter: Union[EntryFilter, str] = "") -> Entries:
        """Lists the entries of a campaign's dial list by id."""
        return cast(Entries, self._data("cji_dial_list", campaign_id, filter))

    def dial_next(self, campaign_id: Id, limit: int, lease_seconds: int) -> Leased:
        """Leases the next entries that are due, for a dialer to call.

        By priority, then dial time, then as they came. Nobody else gets them while the lease runs: make it longer than
        the longest call. `limit` is at most 10,000.
        """
        return cast(Leased, self._data("cji_dial_next", campaign_id, limit, lease_seconds))

    def dial_done(self, campaign_id: Id, entry_id: Id, outcome: Union[Outcome, str]) -> str:
        """Ends the lease of an entry: `{"outcome": "done"}` removes it, `{"outcome": "retry"}` puts it back."""
        return self._message("cji_dial_done", campaign_id, entry_id, outcome)

    def query(self, sql: str, arguments: Union[list[Any], tuple[Any, ...], str] = "") -> Rows:
        """Reads the store by one SELECT with `?` parameters, on the documented tables.

        At most 10,000 rows and 64 MiB of texts; more is a failure, and so are blobs and what takes longer than 30
        seconds.

        The way to read it in this process: when `sqlite3` closes the same file, the library's locks on it are lost.
        """
        return cast(Rows, self._data("cji_query", sql, arguments))

    def version(self) -> str:
        """The version of the library, such as "0.1.0"."""
        return str(self._handle.library.cji_version().decode())

    def abi_version(self) -> int:
        """The version of the library's C ABI, which is the one that this package was written for."""
        return int(self._handle.library.cji_abi_version())

    def _message(self, name: str, *arguments: object) -> str:
        return str(self._handle.reply(name, *arguments)["message"])

    def _data(self, name: str, *arguments: object) -> object:
        return self._handle.reply(name, *arguments)["data"]


def _function(parameter: str, function: object) -> None:
    if function is not None and not callable(function):
        raise TypeError(f"{parameter}: is {type(function).__name__}, no function")
