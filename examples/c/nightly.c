/* Imports a file each night, and shows how it goes.
 *
 *     cc -std=c99 -pthread examples/c/nightly.c $(pkg-config --cflags --libs import_cji) -o nightly
 *     ./nightly calls.db http://192.168.1.88/leads.csv              at 02:00:00, until it is stopped
 *     ./nightly calls.db http://192.168.1.88/leads.csv 23:30:00 1   tonight at half past eleven, once
 *
 * The library keeps the schedule: stopped and started again, the program goes on with what is in the database.
 */
#define _POSIX_C_SOURCE 200809L

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "import_cji.h"

struct nightly {
    cji_engine *engine;
    const char *url;
    const char *clock;
    int nights;
    sem_t finished;
};

static int is_done(const char *reply)
{
    return strncmp(reply, "{\"code\":1,", 10) == 0;
}

/* Ends the program, saying why, if the reply is no success; else frees it. */
static void done(char *reply)
{
    if (!is_done(reply)) {
        fprintf(stderr, "nightly: %s\n", reply);
        exit(1);
    }
    cji_text_free(reply);
}

/* The team, the agent and campaign 1 that the file is for, where they are not there yet. */
static void prepare(cji_engine *engine)
{
    char *campaign = cji_campaign_get(engine, "1");
    done(cji_team_add(engine, "myteam", "My team"));
    done(cji_user_set(engine, "myteam", "agent", "1001", "plaintext", "secret"));
    if (!is_done(campaign))
        done(cji_campaign_add(engine, "myteam", "{\"name\":\"Spring renewals\",\"id\":\"1\"}"));
    cji_text_free(campaign);
}

/* Writes the next time that the clock shows `clock`, "02:00:00", as `exetime` has it. */
static void next(const char *clock, char *exetime, size_t size)
{
    time_t at = time(NULL);
    struct tm day;
    char now[16];
    localtime_r(&at, &day);
    strftime(now, sizeof now, "%H:%M:%S", &day);
    day.tm_hour = 12; /* a day later it is the next day, whatever the clock changes do */
    day.tm_mday += strcmp(now, clock) >= 0;
    mktime(&day);
    strftime(exetime, size, "%Y-%m-%d ", &day);
    strncat(exetime, clock, size - strlen(exetime) - 1);
}

/* Schedules the import, unless one of an earlier run of this program waits or goes on. */
static void schedule(const struct nightly *nightly)
{
    static const char *const states[] = {"{\"campaign\":1,\"state\":\"scheduled\"}",
                                         "{\"campaign\":1,\"state\":\"running\"}"};
    char exetime[32], *reply;
    size_t at;
    for (at = 0; at < sizeof states / sizeof *states; at++) {
        char *jobs = cji_job_list(nightly->engine, states[at]);
        int there = strstr(jobs, "\"jobs\":[]") == NULL;
        if (there) printf("already there: %s\n", jobs);
        done(jobs);
        if (there) return;
    }
    next(nightly->clock, exetime, sizeof exetime);
    reply = import_cji(nightly->engine, "myteam", "agent", "1001", "plaintext", "secret", "Campaign", "1",
                       "http", nightly->url, "", "", exetime, "1", "phone1", "", "", "no", "no", "update",
                       "ignoreDuplicate", "skip", "ended");
    printf("at %s: %s\n", exetime, reply);
    done(reply);
}

static long count(const char *job, const char *name)
{
    const char *at = strstr(job, name);
    return at == NULL ? 0 : strtol(at + strlen(name), NULL, 10);
}

/* Both are called on the worker's thread. */

static int32_t watch(const char *job, void *user_data)
{
    (void)user_data;
    printf("%ld bytes, %ld rows: %ld new, %ld updated, %ld rejected\n", count(job, "\"bytes_read\":"),
           count(job, "\"read\":"), count(job, "\"inserted\":"), count(job, "\"updated\":"), count(job, "\"rejected\":"));
    return 0;
}

static void ended(const char *reply, void *user_data)
{
    struct nightly *nightly = user_data;
    printf("ended: %s\n", reply);
    if (--nightly->nights == 0)
        sem_post(&nightly->finished);
    else
        schedule(nightly);
}

int main(int argc, char **argv)
{
    static struct nightly nightly;
    char *error = NULL;
    if (argc < 3) {
        fprintf(stderr, "nightly DATABASE URL [HH:MM:SS [NIGHTS]]\n");
        return 2;
    }
    nightly.url = argv[2];
    nightly.clock = argc > 3 ? argv[3] : "02:00:00";
    nightly.nights = argc > 4 ? atoi(argv[4]) : 0;
    sem_init(&nightly.finished, 0, 0);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a log shows each line at once */

    nightly.engine = cji_engine_open(argv[1], "", &error);
    if (nightly.engine == NULL) done(error);
    prepare(nightly.engine);
    done(cji_progress_set(nightly.engine, watch, NULL));
    done(cji_callback_set(nightly.engine, "ended", ended, &nightly));
    schedule(&nightly);
    done(cji_worker_start(nightly.engine));
    while (sem_wait(&nightly.finished) != 0)
        continue;
    cji_engine_close(nightly.engine);
    return 0;
}
