"""What goes in and comes out, as the library's JSON has it."""

import sys
from typing import TYPE_CHECKING, Literal, NamedTuple, Optional, TypedDict, Union

if TYPE_CHECKING:
    from typing_extensions import Required
elif sys.version_info >= (3, 11):
    from typing import Required
else:
    Required = Union  # Required[str] is str

Id = Union[int, str]
"""An id: a number as in replies, or its decimal text."""

FieldType = Literal["text", "phone", "integer", "datetime"]
JobState = Literal["scheduled", "running", "succeeded", "failed", "cancelled"]
Status = Literal["open", "pending", "error", "success"]
"""Of a customer."""


class Reply(NamedTuple):
    """How an import ended."""

    code: int
    """1: done. 2: failed."""
    message: str
    """Of a file that was imported its job's id; of a record what was done; of a failure why."""


class ImportCjiError(Exception):
    """The library answered that a call failed."""

    def __init__(self, code: int, message: str) -> None:
        """Takes the reply."""
        super().__init__(code, message)
        self.code = code
        """2."""
        self.message = message
        """What is wrong, in most cases with what to do."""

    def __str__(self) -> str:
        """The message."""
        return self.message


class Options(TypedDict, total=False):
    """Options of an engine; each may be left out."""

    timezone: str
    """IANA name, the zone of all times; default: the system's."""
    background: bool
    """False (default): an import of a file that is due at once runs inside the call. True: it is queued, for the
    worker or `Engine.jobs_run_due`."""
    messages: Literal["text", "backmsg"]
    """"text" (default), or "backmsg": an import's message is the vendor's key, such as "BackMsg_83"."""
    durability: Literal["full", "normal"]
    """"full" (default): what a reply reports as done survives a power cut. "normal": a crash of the process."""
    connect_timeout_s: Union[int, float]
    """Seconds for looking up a server's name, and as many again for connecting to it; default 10."""
    idle_timeout_s: Union[int, float]
    """Seconds of the longest silence of a server; default 60."""
    total_timeout_s: Union[int, float]
    """Seconds for a whole fetch, with all its tries and the pauses between them; default 3600."""
    retries: int
    """Further tries of a fetch that failed in a way that may pass; default 3."""
    max_file_bytes: int
    """A larger file fails, before or after gzip is undone; default 4 GiB."""
    max_row_bytes: int
    """A larger row is rejected; default 1 MiB."""
    allow_hosts: list[str]
    """Host names, addresses and CIDR blocks that a fetch may reach; default: all but link-local addresses."""
    ca_file: str
    """PEM file of further roots for https and ftps, or of servers' own certificates."""
    spool_dir: str
    """Folder where fetched files lie while they are imported; default: beside the database."""


class Field(TypedDict):
    """A field of a campaign's customers."""

    name: str
    display: str
    type: FieldType
    required: bool


class FieldDefinition(TypedDict, total=False):
    """A field to be; only `name` is required."""

    name: Required[str]
    display: str
    """What people call it; default: the name."""
    type: FieldType
    """Default: text."""
    required: bool
    """A record without it is refused; default False."""


class MainTableDefinition(TypedDict, total=False):
    """The fields and the unique key of a team's main table; left out: as it was, or the default."""

    fields: list[FieldDefinition]
    """All of them; as in `CampaignDefinition`."""
    unique_key: list[str]
    """As in `CampaignDefinition`."""


class CampaignDefinition(TypedDict, total=False):
    """A campaign to be; only `name` is required."""

    name: Required[str]
    id: Id
    """A wanted campaign id."""
    main_table: bool
    """True: its package is a part of the team's main table."""
    package: Id
    """Join this package of the team, with its table and key, instead of a new one."""
    fields: list[FieldDefinition]
    """Not with `main_table` or `package`. Default: name, phone1, phone2, email, company, address, city, memo."""
    unique_key: list[str]
    """Names of fields: two records with the same values in them are duplicates. Default: phone1, or the first phone."""


class Campaign(TypedDict):
    """A campaign."""

    id: int
    team: str
    name: str
    main_table: bool
    package: int
    fields: list[Field]
    unique_key: list[str]
    customers: int
    """How many customers its package has."""
    dial_list: int
    """How many entries its dial list has."""


class Job(TypedDict):
    """One import of a file. `read` = `inserted` + `updated` + `skipped` + `rejected`."""

    id: int
    campaign: int
    source: Literal["http", "ftp"]
    url: str
    """Without login."""
    state: JobState
    run_at: str
    started_at: Optional[str]
    finished_at: Optional[str]
    bytes_total: Optional[int]
    """None: unknown."""
    bytes_read: int
    read: int
    """Rows so far, each counted once."""
    inserted: int
    updated: int
    skipped: int
    rejected: int
    dial_listed: int
    message: str
    warnings: list[str]


class JobFilter(TypedDict, total=False):
    """Which jobs to list."""

    campaign: Id
    state: JobState
    after: int
    """From the first id above this one."""
    limit: int
    """Default 100, at most 1000."""


class Jobs(TypedDict):
    """A page of jobs."""

    jobs: list[Job]
    next: Optional[int]
    """The `after` of the next page; None at the end."""


class Customer(TypedDict):
    """A customer."""

    id: int
    package: Optional[int]
    """None: in none (main table only)."""
    status: Status
    agent: Optional[str]
    fields: dict[str, Union[str, int, None]]
    """By the campaign's field names. Integers are numbers, and None where empty; all others are text."""
    created_at: str
    updated_at: str


class CustomerFilter(TypedDict, total=False):
    """Which customers to list."""

    where: dict[str, Union[str, int, None]]
    """Equality only: field names, "status", "agent"; None finds what is empty."""
    after: int
    """From the first id above this one."""
    limit: int
    """Default 100, at most 1000."""
    scope: Literal["main_table"]
    """All customers of the team's main table."""


class Customers(TypedDict):
    """A page of customers."""

    customers: list[Customer]
    next: Optional[int]
    """The `after` of the next page; None at the end."""


class CustomerChanges(TypedDict, total=False):
    """What to change of a customer."""

    status: Union[Status, Literal["errorclosed", "sucessclosed", "successclosed"]]
    """Also in the vendor's words."""
    agent: Optional[str]
    """None: no agent."""
    package: Optional[Id]
    """None: out of it; main table only."""
    fields: dict[str, Union[str, int, None]]


class Entry(TypedDict):
    """An entry of the dial list."""

    id: int
    customer: int
    phone: str
    priority: int
    dial_time: Optional[str]
    """Not to be called before; None: at once."""
    state: Literal["waiting", "leased"]


class EntryFilter(TypedDict, total=False):
    """Which entries to list."""

    where: dict[str, Union[str, int]]
    """Equality only: "phone", "state", "customer"."""
    after: int
    """From the first id above this one."""
    limit: int
    """Default 100, at most 1000."""


class Leased(TypedDict):
    """Entries that were leased, in the order in which to call them."""

    entries: list[Entry]


class Entries(TypedDict):
    """A page of entries."""

    entries: list[Entry]
    next: Optional[int]
    """The `after` of the next page; None at the end."""


class Outcome(TypedDict, total=False):
    """What came of a call."""

    outcome: Required[Literal["done", "retry"]]
    """"done" removes the entry, "retry" puts it back."""
    dial_time: str
    """Of a retry: not to be called again before; default: at once."""
    priority: int
    """Of a retry; default: the same."""


class Rows(TypedDict):
    """What a SELECT found."""

    columns: list[str]
    rows: list[list[Union[str, int, float, None]]]
