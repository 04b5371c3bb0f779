"""A CSV file on a web server becomes customers and a dial list. Run it as `python3 quickstart.py URL`."""

import sys

from import_cji import Engine

with Engine(":memory:") as engine:  # a path keeps the store
    engine.team_add("myteam", "My team")
    engine.user_set("myteam", "agent", "1001", "plaintext", "secret")
    campaign = engine.campaign_add("myteam", {"name": "Spring renewals"})

    reply = engine.import_cji(
        orgidentity="myteam", usertype="agent", user="1001", pwdtype="plaintext", password="secret",
        modeltype="Campaign", model_id=campaign, source="http", context=sys.argv[1],
        delrow="1", phone_field="phone1", dupway="update",
    )  # what fails is an ImportCjiError

    job = engine.job_get(reply.message)
    print(f"{job['read']} rows read, {job['inserted']} customers added, {job['rejected']} rows rejected")
    for entry in engine.dial_next(campaign, limit=5, lease_seconds=600)["entries"]:
        print("call", entry["phone"])
