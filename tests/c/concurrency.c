/* Everything at once on one handle, for the tools that look for races: records that share commits, dialers, an import of a
 * file inside its call and under the worker, callbacks, progress, lists, the worker started and stopped.
 * Run as `concurrency STORE ROUNDS [race]`; `race` plants one, which the tools must find. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECORDERS 3

static cji_engine *engine;
static int rounds;
static int race;
static char url[64];

/* What callbacks count: they come on several threads. */
struct heard {
    pthread_mutex_t counting;
    int records, jobs, progress;
};

static struct heard heard = { PTHREAD_MUTEX_INITIALIZER, 0, 0, 0 };

static void hear(int *count)
{
    if (race) {
        (*count)++;
        return;
    }
    pthread_mutex_lock(&heard.counting);
    (*count)++;
    pthread_mutex_unlock(&heard.counting);
}

static void hear_record(const char *reply, void *user_data)
{
    CHECK(strncmp(reply, "{\"code\":1,", 10) == 0);
    hear(&((struct heard *)user_data)->records);
}

static void hear_job(const char *reply, void *user_data)
{
    CHECK(strncmp(reply, "{\"code\":1,", 10) == 0);
    /* A callback may call the library. */
    DONE(cji_campaign_get(engine, "12"), "\"customers\"");
    hear(&((struct heard *)user_data)->jobs);
}

static int32_t hear_progress(const char *job, void *user_data)
{
    CHECK(strstr(job, "\"state\"") != NULL);
    hear(&((struct heard *)user_data)->progress);
    return 0;
}

/* Gives every request the same file. */
static void *serve(void *argument)
{
    int listener = *(const int *)argument;
    char rows[2048], head[128], request[2048];
    int i, length = 0, stream;
    length += snprintf(rows, sizeof rows, "name,phone1\n");
    for (i = 0; i < 40; i++) {
        length += snprintf(rows + length, sizeof rows - (size_t)length, "Row %d,%d\n", i, 1000 + i);
    }
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", length);
    while ((stream = accept(listener, NULL, NULL)) >= 0) {
        if (read(stream, request, sizeof request) > 0) {
            CHECK(write(stream, head, strlen(head)) == (ssize_t)strlen(head));
            CHECK(write(stream, rows, (size_t)length) == length);
        }
        close(stream);
    }
    return NULL;
}

static void *record_all(void *argument)
{
    int thread = *(const int *)argument;
    int i;
    for (i = 0; i < rounds; i++) {
        char context[64];
        /* Every number is imported by every thread, and by the file. */
        snprintf(context, sizeof context, "phone1=%d||name=Thread %d", 1000 + i, thread);
        DONE(record(engine, context, "update", "record"), "");
    }
    return NULL;
}

static void *dial(void *unused)
{
    int i;
    (void)unused;
    for (i = 0; i < rounds; i++) {
        char *reply = cji_dial_next(engine, "12", 2, 600);
        const char *at = reply;
        CHECK(strncmp(reply, "{\"code\":1,", 10) == 0);
        while ((at = strstr(at, "\"id\":")) != NULL) {
            char id[24];
            at += strlen("\"id\":");
            snprintf(id, sizeof id, "%ld", strtol(at, NULL, 10));
            DONE(cji_dial_done(engine, "12", id, i % 2 ? "{\"outcome\":\"done\"}" : "{\"outcome\":\"retry\"}"), "");
        }
        cji_text_free(reply);
    }
    return NULL;
}

static char *import_file(const char *exetime)
{
    return import_cji(engine, "team", "agent", "1001", "plaintext", "secret", "Campaign", "12", "http", url, "", "",
                      exetime, "", "phone1", "", "", "no", "no", "update", "ignoreDuplicate", "skip", "job");
}

static void *read_all(void *unused)
{
    int i;
    (void)unused;
    for (i = 0; i < rounds; i++) {
        DONE(cji_customer_list(engine, "12", "{\"limit\":5}"), "");
        DONE(cji_dial_list(engine, "12", "{\"limit\":5}"), "");
        DONE(cji_job_list(engine, ""), "");
        DONE(cji_query(engine, "SELECT count(*) FROM customers_1", ""), "");
        DONE(cji_customer_set(engine, "12", "1", "{\"agent\":\"7\"}"), "");
        DONE(cji_callback_set(engine, "other", i % 2 ? hear_record : NULL, &heard), "");
    }
    return NULL;
}

int main(int argc, char **argv)
{
    void *(*const parts[])(void *) = { dial, dial, read_all };
    pthread_t threads[RECORDERS + 3], server;
    int numbers[RECORDERS];
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    char *error = NULL;
    char soon[32];
    time_t now;
    int i, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (argc < 3) {
        return 2;
    }
    rounds = atoi(argv[2]);
    race = argc > 3;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 8) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/leads.csv", ntohs(address.sin_port));
    CHECK(pthread_create(&server, NULL, serve, &listener) == 0);

    engine = cji_engine_open(argv[1], "{\"timezone\":\"UTC\",\"durability\":\"normal\"}", &error);
    if (engine == NULL) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    DONE(cji_team_add(engine, "team", ""), "");
    DONE(cji_user_set(engine, "team", "agent", "1001", "plaintext", "secret"), "");
    DONE(cji_campaign_add(engine, "team", "{\"name\":\"Spring\",\"id\":\"12\"}"), "");
    DONE(record(engine, "phone1=1", "update", ""), "");
    DONE(cji_callback_set(engine, "record", hear_record, &heard), "");
    DONE(cji_callback_set(engine, "job", hear_job, &heard), "");
    DONE(cji_progress_set(engine, hear_progress, &heard), "");
    DONE(cji_worker_start(engine), "");
    /* One for the worker, while records come. */
    now = time(NULL) + 1;
    strftime(soon, sizeof soon, "%Y-%m-%d %H:%M:%S", gmtime(&now));
    DONE(import_file(soon), "");
    for (i = 0; i < RECORDERS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, record_all, &numbers[i]) == 0);
    }
    for (i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[RECORDERS + i], NULL, parts[i], NULL) == 0);
    }
    DONE(import_file(""), "");
    DONE(cji_worker_stop(engine), "");
    DONE(cji_worker_start(engine), "");
    DONE(cji_jobs_run_due(engine), "");
    DONE(import_file(""), "");
    for (i = 0; i < RECORDERS + 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    cji_engine_close(engine);
    CHECK(race || (heard.records == RECORDERS * rounds && heard.jobs >= 2 && heard.progress > 0));
    shutdown(listener, SHUT_RDWR);
    CHECK(pthread_join(server, NULL) == 0);
    close(listener);
    return verdict("concurrency");
}
