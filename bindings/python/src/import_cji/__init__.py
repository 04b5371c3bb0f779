"""Call-centre import as an embedded library: CSV files and single records become customers and a dial list in SQLite.

    from import_cji import Engine

    with Engine("calls.db") as engine:
        reply = engine.import_cji(orgidentity="myteam", usertype="agent", user="1001", pwdtype="plaintext",
                                  password="secret", modeltype="Campaign", model_id="12", source="http",
                                  context="http://192.168.1.88/leads.csv", phone_field="phone1", dupway="update")
        print(engine.job_get(reply.message))

`Engine` has every function of the library as a method. The other names are what it takes and gives.
"""

from ._engine import Engine
from ._types import (
    Campaign,
    CampaignDefinition,
    Customer,
    CustomerChanges,
    CustomerFilter,
    Customers,
    Entries,
    Entry,
    EntryFilter,
    Field,
    FieldDefinition,
    Id,
    ImportCjiError,
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

__all__ = [
    "Campaign",
    "CampaignDefinition",
    "Customer",
    "CustomerChanges",
    "CustomerFilter",
    "Customers",
    "Engine",
    "Entries",
    "Entry",
    "EntryFilter",
    "Field",
    "FieldDefinition",
    "Id",
    "ImportCjiError",
    "Job",
    "JobFilter",
    "Jobs",
    "Leased",
    "MainTableDefinition",
    "Options",
    "Outcome",
    "Reply",
    "Rows",
]
