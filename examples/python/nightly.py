"""Imports a file every night, and tells how it goes: a service, to be kept running.

python3 nightly.py calls.db 1 http://192.168.1.88/leads.csv 02:00   into campaign 1 of this store
"""

import queue
import sys
from datetime import datetime, timedelta

from import_cji import Engine, Job, Reply


def next_time(at: str) -> str:
    """The next time that a clock shows `at`, HH:MM or HH:MM:SS."""
    now = datetime.now()
    then = datetime.fromisoformat(f"{now:%Y-%m-%d}T{at}")
    return str(then if then > now else then + timedelta(days=1))


def show(job: Job) -> None:
    """Tells how far a job is; called by the worker's thread, at most ten times a second."""
    print(f"\rjob {job['id']}: {job['bytes_read']:,} bytes, {job['read']:,} rows", end="", flush=True)


def main(location: str, campaign: str, url: str, at: str) -> None:
    """Schedules one import, waits for its end, and schedules the next."""
    ended: queue.Queue[Reply] = queue.Queue()
    with Engine(location) as engine:
        engine.callback_set("nightly", ended.put)
        engine.progress_set(show)
        engine.worker_start()
        while True:
            scheduled = engine.job_list({"campaign": campaign, "state": "scheduled"})["jobs"]
            if not scheduled:  # else it is from before a restart: the store remembers
                reply = engine.import_cji(
                    orgidentity="myteam", usertype="agent", user="1001", pwdtype="plaintext", password="secret",
                    modeltype="Campaign", model_id=campaign, source="http", context=url, exetime=next_time(at),
                    delrow="1", phone_field="phone1", dupway="update", callbackFuc="nightly",
                )
                scheduled = [engine.job_get(reply.message)]
            print(f"the next import is at {scheduled[0]['run_at']}", flush=True)
            reply = ended.get()
            if reply.code != 1:
                print(f"\n{reply.message}", flush=True)
                continue
            job = engine.job_get(reply.message)
            print(f"\n{job['inserted']} new, {job['updated']} changed, {job['rejected']} rejected", flush=True)
            if job["rejected"]:
                engine.job_rejects(job["id"], f"rejects-{job['id']}.csv")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        print("\nstopped; a job that was running goes on with the next start")
