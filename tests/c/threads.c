/* Many threads share one handle: imports, lists, SQL, callbacks and the worker, all at once.
 * Run as `threads [ROUNDS]`. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>

#define THREADS 8

static cji_engine *engine;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;
static int heard = 0;
static int wrong = 0;
static int rounds = 25;

static void hear(const char *reply, void *user_data)
{
    (void)user_data;
    pthread_mutex_lock(&counting);
    heard += strncmp(reply, "{\"code\":1,", 10) == 0;
    pthread_mutex_unlock(&counting);
}

static void expect_done(char *reply)
{
    if (reply == NULL || strncmp(reply, "{\"code\":1,", 10) != 0) {
        pthread_mutex_lock(&counting);
        wrong++;
        fprintf(stderr, "%.300s\n", reply ? reply : "NULL");
        pthread_mutex_unlock(&counting);
    }
    cji_text_free(reply);
}

static void *hammer(void *argument)
{
    int thread = *(const int *)argument;
    int i;
    for (i = 0; i < rounds; i++) {
        char context[64];
        /* Every number is imported by every thread: one adds it, the others find it. */
        snprintf(context, sizeof context, "phone1=%d||name=Thread %d", 1000 + i, thread);
        expect_done(record(engine, context, "update", "done"));
        expect_done(cji_customer_list(engine, "12", "{\"limit\":5}"));
        expect_done(cji_campaign_get(engine, "12"));
        expect_done(cji_query(engine, "SELECT ?", "[1]"));
        if (thread == 0 && i % 10 == 0) {
            expect_done(cji_worker_start(engine));
            expect_done(cji_worker_stop(engine));
        }
        if (thread == 1) {
            expect_done(cji_callback_set(engine, "other", i % 2 ? hear : NULL, NULL));
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    char counted[32];
    pthread_t threads[THREADS];
    int numbers[THREADS];
    int i;
    if (argc > 1) {
        rounds = atoi(argv[1]);
    }
    engine = host();
    DONE(cji_callback_set(engine, "done", hear, NULL), "");
    for (i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, hammer, &numbers[i]) == 0);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(wrong == 0);
    CHECK(heard == THREADS * rounds);
    snprintf(counted, sizeof counted, "\"customers\":%d", rounds);
    DONE(cji_campaign_get(engine, "12"), counted);
    snprintf(counted, sizeof counted, "\"dial_list\":%d", rounds);
    DONE(cji_campaign_get(engine, "12"), counted);
    DONE(cji_query(engine, "SELECT ? + ?", "[1, 2]"), "[[3]]");
    cji_engine_close(engine);
    return verdict("threads");
}
