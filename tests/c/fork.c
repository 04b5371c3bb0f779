/* A handle belongs to the process that opened it. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

/* Static, so that what a child forgets on purpose is still reachable when valgrind looks. */
static cji_engine *inherited;

/* The child's engine outlives the parent's: what it was answered stays, though the parent closes the file meanwhile. */
static void outlives_its_parent(const char *path, int go_on)
{
    char byte;
    cji_engine *own = cji_engine_open(path, "", NULL);
    CHECK(own != NULL);
    DONE(record(own, "phone1=5", "", ""), "added");
    CHECK(read(go_on, &byte, 1) == 0);
    DONE(record(own, "phone1=6", "", ""), "added");
    cji_engine_close(own);
}

static void in_the_child(const char *path)
{
    cji_engine *own;
    FAILED(record(inherited, "phone1=2", "", ""), "fork");
    WS_FAILED(import_ws(inherited, "team", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
                        ""), "fork");
    WS_FAILED(import_event(inherited, "EVENT=Import"), "fork");
    FAILED(import_jsonp(inherited, ""), "fork");
    FAILED(cji_campaign_get(inherited, "12"), "fork");
    FAILED(cji_customer_list(inherited, "12", ""), "fork");
    FAILED(cji_worker_stop(inherited), "fork");
    FAILED(cji_jobs_run_due(inherited), "fork");
    FAILED(cji_callback_set(inherited, "done", NULL, NULL), "fork");
    /* Forgets it, twice: nothing happens. */
    cji_engine_close(inherited);
    cji_engine_close(inherited);

    /* An engine that the child opens itself works. */
    own = cji_engine_open(path, "", NULL);
    CHECK(own != NULL);
    DONE(record(own, "phone1=3", "", ""), "added");
    cji_engine_close(own);
}

/* 1 where the campaign's JSON holds this. */
static int counts(cji_engine *engine, const char *text)
{
    char *reply = cji_campaign_get(engine, "12");
    int holds = reply != NULL && strstr(reply, text) != NULL;
    cji_text_free(reply);
    return holds;
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/import_cji_fork_XXXXXX";
    char path[sizeof folder + 16];
    char command[sizeof folder + 16];
    int status = -1;
    int closed[2];
    int tries;
    pid_t child, other;

    if (argc == 2) {
        inherited = cji_engine_open(argv[1], "", NULL);
        CHECK(inherited != NULL);
        DONE(record(inherited, "phone1=7", "", ""), "added");
        DONE(cji_campaign_get(inherited, "12"), "\"customers\":5");
        cji_engine_close(inherited);
        return failures == 0 ? 0 : 1;
    }

    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/calls.db", folder);
    inherited = cji_engine_open(path, "", NULL);
    CHECK(inherited != NULL);
    DONE(cji_team_add(inherited, "team", ""), "");
    DONE(cji_user_set(inherited, "team", "agent", "1001", "plaintext", "secret"), "");
    DONE(cji_campaign_add(inherited, "team", "{\"name\":\"Spring\",\"id\":\"12\"}"), "12");
    DONE(record(inherited, "phone1=1", "", ""), "added");
    DONE(cji_worker_start(inherited), "");

    /* The worker has begun, and rests: gcc 12's AddressSanitizer takes its allocator's lock around no fork, and a child that is
       forked while another thread allocates would wait for ever. */
    poll(NULL, 0, 500);
    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        failures = 0;
        in_the_child(path);
        _exit(failures == 0 ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    /* The parent's handle goes on, and sees what the child's own engine wrote. */
    DONE(record(inherited, "phone1=4", "", ""), "added");
    DONE(cji_campaign_get(inherited, "12"), "\"customers\":3");

    CHECK(pipe(closed) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        failures = 0;
        close(closed[1]);
        outlives_its_parent(path, closed[0]);
        _exit(failures == 0 ? 0 : 1);
    }
    for (tries = 0; tries < 1000 && !counts(inherited, "\"customers\":4"); tries++)
        poll(NULL, 0, 10);
    cji_engine_close(inherited);
    /* A process that has nothing from the others opens the file, and finds all of it. */
    other = fork();
    if (other == 0) {
        execl(argv[0], argv[0], path, (char *)NULL);
        _exit(3);
    }
    CHECK(waitpid(other, &status, 0) == other);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(closed[1]);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    inherited = cji_engine_open(path, "", NULL);
    DONE(cji_campaign_get(inherited, "12"), "\"customers\":6");
    cji_engine_close(inherited);
    inherited = NULL;

    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
    return verdict("fork");
}
