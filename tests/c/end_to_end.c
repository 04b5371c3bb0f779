/* A host's whole way: catalogue, records in each form, lists, callbacks, dial list, SQL. */
#include "check.h"

struct heard {
    int calls;
    char last[256];
    cji_engine *engine;
};

static void hear(const char *reply, void *user_data)
{
    struct heard *heard = (struct heard *)user_data;
    heard->calls++;
    snprintf(heard->last, sizeof heard->last, "%s", reply);
    if (heard->engine != NULL) {
        /* A callback may call the library, but not these three. */
        DONE(cji_campaign_get(heard->engine, "12"), "\"name\":\"Spring\"");
        FAILED(cji_worker_stop(heard->engine), "callback");
        FAILED(cji_jobs_run_due(heard->engine), "callback");
        cji_engine_close(heard->engine);
    }
}

static int32_t watch(const char *job, void *user_data)
{
    (void)job;
    (void)user_data;
    return 0;
}

static void catalogue(cji_engine *engine)
{
    DONE(cji_team_add(engine, "team", "Renamed"), "");
    DONE(cji_user_set(engine, "team", "account", "boss", "md5", "5f4dcc3b5aa765d61d8327deb882cf99"), "");
    DONE(cji_user_disable(engine, "team", "account", "boss"), "");
    FAILED(cji_user_disable(engine, "team", "account", "nobody"), "nobody");
    DONE(cji_main_table_define(engine, "team",
                               "{\"fields\":[{\"name\":\"tel\",\"type\":\"phone\"}],\"unique_key\":[\"tel\"]}"), "");
    DONE(cji_campaign_add(engine, "team", "{\"name\":\"Main\",\"id\":\"13\",\"main_table\":true}"), "13");
    FAILED(cji_campaign_add(engine, "team", "{\"name\":\"Again\",\"id\":\"12\"}"), "12");
    DONE(cji_campaign_get(engine, "13"), "\"main_table\":true");
    FAILED(cji_campaign_get(engine, "99"), "99");
}

static void records(cji_engine *engine)
{
    struct heard heard = {0, "", NULL};
    char *reply;

    IS(record(engine, "name=Joe||phone1=138xxxx88x8", "", ""),
       "{\"code\":1,\"message\":\"customer 1 added; on the dial list\"}");
    DONE(cji_callback_set(engine, "done", hear, &heard), "");
    heard.engine = engine;
    reply = record(engine, "Name=M\303\274ller||Phone 1=2", "", "done");
    CHECK(heard.calls == 1 && strcmp(heard.last, reply) == 0);
    IS(reply, "{\"code\":1,\"message\":\"customer 2 added; on the dial list\"}");
    heard.engine = NULL;
    DONE(cji_callback_set(engine, "done", NULL, NULL), "");
    DONE(record(engine, "name=Joseph||phone1=138xxxx88x8", "update", "done"), "");
    CHECK(heard.calls == 1);
    FAILED(record(engine, "colour=red||phone1=3", "", ""), "colour");
    FAILED(record(engine, "phone1=3", "maybe", ""), "dupway");

    IS(import_ws(engine, "team", "agent", "1001", "plaintext", "secret", "Campaign", "12", "data", "phone1=3", "", "",
                 "", "", "phone1", "", "", "", "", "", "", ""),
       "|Retuen|1|Retuen|customer 3 added; on the dial list");
    IS(import_event(engine, "EVENT=Import&orgidentity=team&usertype=agent&user=1001&pwdtype=plaintext&password=secret"
                            "&modeltype=Campaign&model_id=12&source=data&context=phone1%3D4&phone_field=phone1"),
       "|Retuen|1|Retuen|customer 4 added; on the dial list");
    IS(import_jsonp(engine, "callback=jQuery1_2&orgidentity=team&usertype=agent&user=1001&pwdtype=plaintext"
                            "&password=secret&modeltype=Campaign&model_id=12&source=data&context=phone1%3D5"
                            "&phone_field=phone1&_=1"),
       "jQuery1_2({\"code\":1,\"message\":\"customer 5 added; on the dial list\"})");
    WS_FAILED(import_event(engine, "EVENT=Export"), "EVENT");
    FAILED(import_jsonp(engine, "callback=1"), "callback");
}

static void lists(cji_engine *engine)
{
    DONE(cji_customer_list(engine, "12", ""), "\"name\":\"Joseph\"");
    DONE(cji_customer_list(engine, "12", "{\"where\":{\"phone1\":\"2\"}}"), "\"name\":\"M\303\274ller\"");
    DONE(cji_customer_list(engine, "12", "{\"limit\":2}"), "\"next\":2");
    DONE(cji_customer_set(engine, "12", "1", "{\"status\":\"success\",\"agent\":\"1001\"}"), "");
    DONE(cji_customer_list(engine, "12", "{\"where\":{\"status\":\"success\"}}"), "\"agent\":\"1001\"");
    FAILED(cji_customer_set(engine, "12", "99", "{\"status\":\"open\"}"), "99");
    DONE(cji_dial_list(engine, "12", "{\"where\":{\"state\":\"waiting\"}}"), "\"phone\":\"138xxxx88x8\"");
    FAILED(cji_dial_list(engine, "12", "{\"colour\":1}"), "colour");
}

/* Jobs without a file server: nothing is there, nothing is due. */
static void jobs(cji_engine *engine)
{
    DONE(cji_job_list(engine, ""), "\"jobs\":[]");
    FAILED(cji_job_get(engine, "1"), "1");
    FAILED(cji_job_cancel(engine, "1"), "1");
    FAILED(cji_job_rejects(engine, "1", "/nonexistent/rejects.csv"), "1");
    DONE(cji_progress_set(engine, watch, NULL), "");
    DONE(cji_progress_set(engine, NULL, NULL), "");
    IS(cji_jobs_run_due(engine), "{\"code\":1,\"message\":\"0\"}");
    DONE(cji_worker_start(engine), "");
    DONE(cji_worker_stop(engine), "");
    DONE(cji_worker_start(engine), "");
}

int main(void)
{
    cji_engine *engine;
    CHECK(cji_abi_version() == CJI_ABI_VERSION);
    CHECK(strlen(cji_version()) >= 5);
    engine = host();
    catalogue(engine);
    records(engine);
    lists(engine);
    jobs(engine);
    /* Waits for the worker that is still running. */
    cji_engine_close(engine);
    return verdict("end_to_end");
}
