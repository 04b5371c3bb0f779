"""A CSV file on a web server becomes customers and a dial list: python3 quickstart.py LIBRARY URL"""

import json
import sys
from ctypes import CDLL, c_char_p, c_void_p, string_at

lib = CDLL(sys.argv[1])
lib.cji_engine_open.restype = c_void_p
engine = c_void_p(lib.cji_engine_open(b":memory:", b"", None))  # a path keeps the database


def call(function, *texts):
    """Calls a function with these texts after the engine; gives its reply."""
    function.restype = c_void_p  # not c_char_p: that would lose the address, which must be freed
    address = c_void_p(function(engine, *(c_char_p(text.encode()) for text in texts)))
    try:
        reply = json.loads(string_at(address))
    finally:
        lib.cji_text_free(address)
    if reply["code"] != 1:
        sys.exit(reply["message"])
    return reply


call(lib.cji_team_add, "myteam", "My team")
call(lib.cji_user_set, "myteam", "agent", "1001", "plaintext", "secret")
campaign = call(lib.cji_campaign_add, "myteam", '{"name": "Spring renewals"}')["message"]

job = call(
    lib.import_cji,
    "myteam", "agent", "1001", "plaintext", "secret",  # orgidentity, usertype, user, pwdtype, password
    "Campaign", campaign,                              # modeltype, model_id
    "http", sys.argv[2], "", "",                       # source, context, source_user, source_pwd
    "", "1",                                           # exetime, delrow
    "phone1", "", "",                                  # phone_field, priority_field, dialtime_field
    "no", "no", "update", "ignoreDuplicate", "skip",   # emptyagent, resetstatus, dupway, dupdiallist, changepackage
    "",                                                # callbackFuc
)["message"]
print(call(lib.cji_job_get, job)["data"])
for customer in call(lib.cji_customer_list, campaign, '{"limit": 5}')["data"]["customers"]:
    print(customer["id"], customer["fields"]["name"], customer["fields"]["phone1"])
lib.cji_engine_close(engine)
