"""A small dialer: it takes the next numbers of a campaign, calls them, and reports what came of each.

python3 dialer.py              a store in memory, with a few customers
python3 dialer.py calls.db 1   campaign 1 of this store
"""

import sys
from datetime import datetime, timedelta

from import_cji import CustomerChanges, Engine, Outcome

# Longer than the longest call: when it runs out, the number is handed to the next who asks.
LEASE_SECONDS = 600


def fill(engine: Engine) -> str:
    """A team, an agent, a campaign, and six customers on its dial list."""
    engine.team_add("acme", "Acme Telesales")
    engine.user_set("acme", "agent", "1001", "plaintext", "secret")
    campaign = engine.campaign_add("acme", {"name": "Spring renewals"})
    for n in range(1, 7):
        engine.import_cji(
            orgidentity="acme", usertype="agent", user="1001", pwdtype="plaintext", password="secret",
            modeltype="Campaign", model_id=campaign, source="data",
            context=f"name=Customer {n}||phone1=1380013800{n}", phone_field="phone1",
        )
    return campaign


def call(phone: str) -> tuple[CustomerChanges, Outcome]:
    """Pretends to call: what changes for the customer, and what becomes of the entry."""
    if phone[-1] in "14":
        return {"status": "success"}, {"outcome": "done"}
    if phone[-1] == "3":
        tomorrow = datetime.now() + timedelta(days=1)
        return {"status": "pending"}, {"outcome": "retry", "dial_time": f"{tomorrow:%Y-%m-%d %H:%M:%S}", "priority": 1}
    return {"status": "error"}, {"outcome": "done"}


def main(location: str = ":memory:", campaign: str = "") -> None:
    """Calls until no number is due."""
    with Engine(location) as engine:
        campaign = campaign or fill(engine)
        while entries := engine.dial_next(campaign, 5, LEASE_SECONDS)["entries"]:
            for entry in entries:
                changes, outcome = call(entry["phone"])
                engine.customer_set(campaign, entry["customer"], changes)
                engine.dial_done(campaign, entry["id"], outcome)
                again = f", again at {outcome['dial_time']}" if "dial_time" in outcome else ""
                print(f"called {entry['phone']:<12} {changes['status']}{again}")
        print(engine.campaign_get(campaign)["dial_list"], "numbers are left on the list")


if __name__ == "__main__":
    main(*sys.argv[1:])
