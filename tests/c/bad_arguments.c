/* NULL everywhere, texts that are not UTF-8, huge texts, a NULL engine: each is answered, none is a crash. */
#include "check.h"

#define BAD "a\377b"
#define N NULL

static void nothing_at_all(void)
{
    char *error = NULL;
    cji_text_free(NULL);
    cji_engine_close(NULL);
    CHECK(cji_engine_open(NULL, NULL, NULL) == NULL);
    CHECK(cji_engine_open(NULL, NULL, &error) == NULL);
    FAILED(error, "location");
    error = NULL;
    CHECK(cji_engine_open(BAD, NULL, &error) == NULL);
    FAILED(error, "location");
    error = NULL;
    CHECK(cji_engine_open(":memory:", BAD, &error) == NULL);
    FAILED(error, "options");
}

static char *import_with(cji_engine *engine, int place, const char *value)
{
    const char *p[22] = {"team", "agent", "1001", "plaintext", "secret", "Campaign", "12", "data", "phone1=1", "", "",
                         "", "", "", "", "", "", "", "", "", "", ""};
    p[place] = value;
    return import_cji(engine, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13],
                      p[14], p[15], p[16], p[17], p[18], p[19], p[20], p[21]);
}

static void each_function_without_an_engine(void)
{
    FAILED(import_cji(N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N), "engine");
    WS_FAILED(import_ws(N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N), "engine");
    WS_FAILED(import_event(N, "EVENT=Import"), "engine");
    FAILED(import_jsonp(N, N), "engine");
    IS(import_jsonp(N, "callback=f"), "f({\"code\":2,\"message\":\"engine: is NULL\"})");
    FAILED(cji_team_add(N, N, N), "engine");
    FAILED(cji_user_set(N, N, N, N, N, N), "engine");
    FAILED(cji_user_disable(N, N, N, N), "engine");
    FAILED(cji_main_table_define(N, N, N), "engine");
    FAILED(cji_campaign_add(N, N, N), "engine");
    FAILED(cji_campaign_get(N, N), "engine");
    FAILED(cji_job_get(N, N), "engine");
    FAILED(cji_job_list(N, N), "engine");
    FAILED(cji_job_cancel(N, N), "engine");
    FAILED(cji_job_rejects(N, N, N), "engine");
    FAILED(cji_jobs_run_due(N), "engine");
    FAILED(cji_worker_start(N), "engine");
    FAILED(cji_worker_stop(N), "engine");
    FAILED(cji_callback_set(N, N, N, N), "engine");
    FAILED(cji_progress_set(N, N, N), "engine");
    FAILED(cji_customer_list(N, N, N), "engine");
    FAILED(cji_customer_set(N, N, N, N), "engine");
    FAILED(cji_dial_list(N, N, N), "engine");
    FAILED(cji_dial_next(N, N, 1, 1), "engine");
    FAILED(cji_dial_done(N, N, N, N), "engine");
    FAILED(cji_query(N, N, N), "engine");
}

/* NULL counts as "": where that is allowed it is done, else it is a failure. */
static void each_function_with_null_texts(cji_engine *engine)
{
    FAILED(import_cji(engine, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N), "orgidentity");
    WS_FAILED(import_ws(engine, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N), "context");
    WS_FAILED(import_event(engine, N), "EVENT");
    FAILED(import_jsonp(engine, N), "callback");
    FAILED(cji_team_add(engine, N, N), "");
    DONE(cji_team_add(engine, "nameless", N), "");
    FAILED(cji_user_set(engine, N, N, N, N, N), "");
    FAILED(cji_user_disable(engine, N, N, N), "");
    FAILED(cji_main_table_define(engine, N, N), "");
    FAILED(cji_campaign_add(engine, "team", N), "");
    FAILED(cji_campaign_get(engine, N), "");
    FAILED(cji_job_get(engine, N), "");
    DONE(cji_job_list(engine, N), "\"jobs\"");
    FAILED(cji_job_cancel(engine, N), "");
    FAILED(cji_job_rejects(engine, N, N), "");
    FAILED(cji_callback_set(engine, N, N, N), "name");
    DONE(cji_progress_set(engine, N, N), "");
    FAILED(cji_customer_list(engine, N, N), "");
    DONE(cji_customer_list(engine, "12", N), "\"customers\"");
    FAILED(cji_customer_set(engine, N, N, N), "");
    FAILED(cji_dial_list(engine, N, N), "");
    DONE(cji_dial_list(engine, "12", N), "\"entries\"");
    FAILED(cji_dial_next(engine, N, 1, 1), "");
    FAILED(cji_dial_done(engine, N, N, N), "");
    FAILED(cji_query(engine, N, N), "");
}

static void each_text_that_is_not_utf8(cji_engine *engine)
{
    static const char *names[22] = {
        "orgidentity", "usertype", "user", "pwdtype", "password", "modeltype", "model_id", "source", "context",
        "source_user", "source_pwd", "exetime", "delrow", "phone_field", "priority_field", "dialtime_field",
        "emptyagent", "resetstatus", "dupway", "dupdiallist", "changepackage", "callbackFuc"};
    int i;
    for (i = 0; i < 22; i++) {
        FAILED(import_with(engine, i, BAD), names[i]);
    }
    WS_FAILED(import_event(engine, BAD), "");
    FAILED(import_jsonp(engine, BAD), "");
    FAILED(cji_team_add(engine, BAD, ""), "orgidentity");
    FAILED(cji_team_add(engine, "", BAD), "name");
    FAILED(cji_user_set(engine, BAD, "", "", "", ""), "orgidentity");
    FAILED(cji_user_set(engine, "", BAD, "", "", ""), "usertype");
    FAILED(cji_user_set(engine, "", "", BAD, "", ""), "user");
    FAILED(cji_user_set(engine, "", "", "", BAD, ""), "pwdtype");
    FAILED(cji_user_set(engine, "", "", "", "", BAD), "password");
    FAILED(cji_user_disable(engine, BAD, "", ""), "orgidentity");
    FAILED(cji_user_disable(engine, "", BAD, ""), "usertype");
    FAILED(cji_user_disable(engine, "", "", BAD), "user");
    FAILED(cji_main_table_define(engine, BAD, ""), "orgidentity");
    FAILED(cji_main_table_define(engine, "", BAD), "definition");
    FAILED(cji_campaign_add(engine, BAD, ""), "orgidentity");
    FAILED(cji_campaign_add(engine, "", BAD), "definition");
    FAILED(cji_campaign_get(engine, BAD), "campaign_id");
    FAILED(cji_job_get(engine, BAD), "job_id");
    FAILED(cji_job_list(engine, BAD), "filter");
    FAILED(cji_job_cancel(engine, BAD), "job_id");
    FAILED(cji_job_rejects(engine, BAD, ""), "job_id");
    FAILED(cji_job_rejects(engine, "", BAD), "path");
    FAILED(cji_callback_set(engine, BAD, N, N), "name");
    FAILED(cji_customer_list(engine, BAD, ""), "campaign_id");
    FAILED(cji_customer_list(engine, "", BAD), "filter");
    FAILED(cji_customer_set(engine, BAD, "", ""), "campaign_id");
    FAILED(cji_customer_set(engine, "", BAD, ""), "customer_id");
    FAILED(cji_customer_set(engine, "", "", BAD), "changes");
    FAILED(cji_dial_list(engine, BAD, ""), "campaign_id");
    FAILED(cji_dial_list(engine, "", BAD), "filter");
    FAILED(cji_dial_next(engine, BAD, 1, 1), "campaign_id");
    FAILED(cji_dial_done(engine, BAD, "", ""), "campaign_id");
    FAILED(cji_dial_done(engine, "", BAD, ""), "entry_id");
    FAILED(cji_dial_done(engine, "", "", BAD), "outcome");
    FAILED(cji_query(engine, BAD, ""), "sql");
    FAILED(cji_query(engine, "", BAD), "arguments");
}

static void numbers_at_their_ends(cji_engine *engine)
{
    FAILED(cji_dial_next(engine, "12", -1, 1), "");
    FAILED(cji_dial_next(engine, "12", INT32_MIN, INT32_MIN), "");
    FAILED(cji_dial_next(engine, "12", 1, -1), "");
}

static void ten_megabytes_everywhere(cji_engine *engine)
{
    size_t size = 10 * 1000 * 1000;
    char *huge = (char *)malloc(size + 1);
    int i;
    CHECK(huge != NULL);
    if (huge == NULL) {
        return;
    }
    memset(huge, 'x', size);
    huge[size] = '\0';
    for (i = 0; i < 22; i++) {
        /* Some are ignored for a record, the others are wrong; all are answered, and the answer is short. */
        char *reply = import_with(engine, i, huge);
        CHECK(reply != NULL && strlen(reply) < 2000);
        cji_text_free(reply);
    }
    WS_FAILED(import_event(engine, huge), "EVENT");
    FAILED(import_jsonp(engine, huge), "callback");
    FAILED(cji_campaign_add(engine, "team", huge), "definition");
    FAILED(cji_campaign_get(engine, huge), "");
    FAILED(cji_customer_list(engine, "12", huge), "filter");
    FAILED(cji_customer_set(engine, "12", "1", huge), "changes");
    FAILED(cji_query(engine, huge, ""), "");
    /* A deep nest of brackets is no reason to run out of stack. */
    memset(huge, '[', size);
    FAILED(cji_campaign_add(engine, "team", huge), "definition");
    FAILED(cji_job_list(engine, huge), "filter");
    FAILED(cji_dial_done(engine, "12", "1", huge), "");
    FAILED(cji_query(engine, "SELECT 1", huge), "arguments");
    free(huge);
}

int main(void)
{
    cji_engine *engine;
    nothing_at_all();
    each_function_without_an_engine();
    engine = host();
    each_function_with_null_texts(engine);
    each_text_that_is_not_utf8(engine);
    numbers_at_their_ends(engine);
    ten_megabytes_everywhere(engine);
    cji_engine_close(engine);
    return verdict("bad_arguments");
}
