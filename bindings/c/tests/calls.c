/*
 * The table of cases (tests/data/calls.json) through the C API:
 *
 *     calls TABLE SERVER [WORD]     only the cases whose name has the word
 *
 * SERVER is the base URL that tests/cases/serve.py printed.
 */
#define _XOPEN_SOURCE 700

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "import_cji.h"

/* What the callbacks and the progress function of a case were told. */
struct heard {
    cJSON *replies;
    cJSON *job;
    int cancel;
};

static void hear_reply(const char *reply, void *user_data)
{
    struct heard *heard = user_data;
    cJSON_AddItemToArray(heard->replies, cJSON_Parse(reply));
}

static int32_t hear_job(const char *job, void *user_data)
{
    struct heard *heard = user_data;
    cJSON_Delete(heard->job);
    heard->job = cJSON_Parse(job);
    return heard->cancel;
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* ---- the texts of a call ---- */

enum { MOST_TEXTS = 32 };

/* The parameters of a call; the texts live until they are let go. */
struct with {
    const cJSON *own, *defaults;
    char *printed[MOST_TEXTS];
    size_t count;
};

/* A parameter's text: a missing one is "", a list or object its JSON. */
static const char *text(struct with *with, const char *name)
{
    const cJSON *value = member(with->own, name);
    if (value == NULL) value = member(with->defaults, name);
    if (value == NULL || cJSON_IsNull(value)) return "";
    if (cJSON_IsString(value)) return value->valuestring;
    with->printed[with->count] = cJSON_PrintUnformatted(value);
    return with->printed[with->count++];
}

static int32_t number(const struct with *with, const char *name)
{
    return member(with->own, name)->valueint;
}

static void let_go(struct with *with)
{
    while (with->count > 0) free(with->printed[--with->count]);
}

/* The 21 parameters that import_cji() and import_ws() have in common. */
#define IMPORT(t) \
    t("orgidentity"), t("usertype"), t("user"), t("pwdtype"), t("password"), t("modeltype"), t("model_id"), \
    t("source"), t("context"), t("source_user"), t("source_pwd"), t("exetime"), t("delrow"), t("phone_field"), \
    t("priority_field"), t("dialtime_field"), t("emptyagent"), t("resetstatus"), t("dupway"), t("dupdiallist"), \
    t("changepackage")

/* The library's answer to a step. */
static char *call(cji_engine *e, const char *name, struct with *with, struct heard *heard)
{
#define T(parameter) text(with, parameter)
#define IS(function) (strcmp(name, function) == 0)
    if (IS("import_cji")) return import_cji(e, IMPORT(T), T("callbackFuc"));
    if (IS("import_ws")) return import_ws(e, IMPORT(T));
    if (IS("import_event")) return import_event(e, T("query"));
    if (IS("import_jsonp")) return import_jsonp(e, T("query"));
    if (IS("cji_team_add")) return cji_team_add(e, T("orgidentity"), T("name"));
    if (IS("cji_user_set"))
        return cji_user_set(e, T("orgidentity"), T("usertype"), T("user"), T("pwdtype"), T("password"));
    if (IS("cji_user_disable")) return cji_user_disable(e, T("orgidentity"), T("usertype"), T("user"));
    if (IS("cji_main_table_define")) return cji_main_table_define(e, T("orgidentity"), T("definition"));
    if (IS("cji_campaign_add")) return cji_campaign_add(e, T("orgidentity"), T("definition"));
    if (IS("cji_campaign_get")) return cji_campaign_get(e, T("campaign_id"));
    if (IS("cji_job_get")) return cji_job_get(e, T("job_id"));
    if (IS("cji_job_list")) return cji_job_list(e, T("filter"));
    if (IS("cji_job_cancel")) return cji_job_cancel(e, T("job_id"));
    if (IS("cji_job_rejects")) return cji_job_rejects(e, T("job_id"), T("path"));
    if (IS("cji_jobs_run_due")) return cji_jobs_run_due(e);
    if (IS("cji_worker_start")) return cji_worker_start(e);
    if (IS("cji_worker_stop")) return cji_worker_stop(e);
    if (IS("cji_callback_set"))
        return cji_callback_set(e, T("name"), member(with->own, "callback") ? NULL : hear_reply, heard);
    if (IS("cji_progress_set"))
        return cji_progress_set(e, member(with->own, "progress") ? NULL : hear_job, heard);
    if (IS("cji_customer_list")) return cji_customer_list(e, T("campaign_id"), T("filter"));
    if (IS("cji_customer_set")) return cji_customer_set(e, T("campaign_id"), T("customer_id"), T("changes"));
    if (IS("cji_dial_list")) return cji_dial_list(e, T("campaign_id"), T("filter"));
    if (IS("cji_dial_next"))
        return cji_dial_next(e, T("campaign_id"), number(with, "limit"), number(with, "lease_seconds"));
    if (IS("cji_dial_done")) return cji_dial_done(e, T("campaign_id"), T("entry_id"), T("outcome"));
    if (IS("cji_query")) return cji_query(e, T("sql"), T("arguments"));
    return NULL;
}

/* ---- comparing ---- */

/* "<any>" within a text stands for any part of it. */
static int text_matches(const char *expected, const char *found)
{
    const char *any = strstr(expected, "<any>");
    size_t before = any == NULL ? strlen(expected) + 1 : (size_t)(any - expected);
    if (strncmp(expected, found, before) != 0) return 0;
    if (any == NULL) return 1;
    for (found += before; !text_matches(any + strlen("<any>"), found); found++)
        if (*found == '\0') return 0;
    return 1;
}

/* "<any>" alone stands for any value. */
static int matches(const cJSON *expected, const cJSON *found)
{
    const cJSON *one;
    int at = 0;
    if (expected == NULL || found == NULL) return 0;
    if (cJSON_IsString(expected) && strcmp(expected->valuestring, "<any>") == 0) return 1;
    if (cJSON_IsString(expected) && cJSON_IsString(found))
        return text_matches(expected->valuestring, found->valuestring);
    if (!cJSON_IsArray(expected) && !cJSON_IsObject(expected)) return cJSON_Compare(expected, found, 1);
    if (cJSON_GetArraySize(expected) != cJSON_GetArraySize(found)) return 0;
    cJSON_ArrayForEach(one, expected)
    {
        const cJSON *other = one->string ? member(found, one->string) : cJSON_GetArrayItem(found, at++);
        if (!matches(one, other)) return 0;
    }
    return 1;
}

/* Compares, and tells a person where they differ. */
static int must(const char *what, const cJSON *expected, const cJSON *found)
{
    char *wanted, *got;
    if (matches(expected, found)) return 1;
    wanted = cJSON_PrintUnformatted(expected);
    got = found ? cJSON_PrintUnformatted(found) : NULL;
    printf("%s\n  must be %s\n  but is  %s\n", what, wanted, got ? got : "nothing");
    free(wanted);
    free(got);
    return 0;
}

/* ---- cases ---- */

/* Reads a whole file; the caller frees it. */
static char *contents(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t size = 0, got;
    char *all = malloc(1);
    while (file != NULL && (all = realloc(all, size + 65536)) != NULL
           && (got = fread(all + size, 1, 65535, file)) > 0)
        size += got;
    if (file != NULL) fclose(file);
    all[size] = '\0';
    return all;
}

/* Puts `by` in the place of each `word`; frees the text. */
static char *replaced(char *text, const char *word, const char *by)
{
    char *at = strstr(text, word), *next;
    if (at == NULL) return text;
    next = malloc(strlen(text) + strlen(by) + 1);
    sprintf(next, "%.*s%s%s", (int)(at - text), text, by, at + strlen(word));
    free(text);
    return replaced(next, word, by);
}

static int run_step(cji_engine *engine, const cJSON *step, const cJSON *defaults, struct heard *heard)
{
    const cJSON *reply = member(step, "reply"), *whole = member(step, "text");
    const char *name, *path = cJSON_GetStringValue(member(step, "read"));
    struct with with = {0};
    cJSON *answer, *must_be;
    char *text;
    int good;
    if (path != NULL) {
        text = contents(path);
        answer = cJSON_CreateString(text);
        good = must(path, whole, answer);
        cJSON_Delete(answer);
        free(text);
        return good;
    }
    name = member(step, "call")->valuestring;
    with.own = member(step, "with");
    if (strcmp(name, "import_cji") == 0 || strcmp(name, "import_ws") == 0) with.defaults = defaults;
    text = call(engine, name, &with, heard);
    let_go(&with);
    if (text == NULL) {
        printf("%s is no function that a step may call\n", name);
        return 0;
    }
    answer = whole ? cJSON_CreateString(text) : cJSON_Parse(text);
    cji_text_free(text);
    must_be = cJSON_Parse("{\"code\":1,\"message\":\"<any>\"}");
    if (!reply && !whole) cJSON_DeleteItemFromObject(answer, "data");
    good = must(name, reply ? reply : whole ? whole : must_be, answer);
    cJSON_Delete(must_be);
    cJSON_Delete(answer);
    return good;
}

static int run(const cJSON *table, const cJSON *one)
{
    const cJSON *options = member(one, "options"), *progress = member(one, "progress"), *open = member(one, "open");
    const char *location = cJSON_GetStringValue(member(one, "location"));
    struct heard heard = {0};
    struct with with = {0};
    cJSON *opening = cJSON_CreateObject(), *nothing = cJSON_CreateArray();
    const cJSON *step;
    char *error = NULL;
    cji_engine *engine;
    int good = 1;

    cJSON_AddItemReferenceToObject(opening, "options", (cJSON *)(options ? options : member(table, "options")));
    with.own = opening;
    engine = cji_engine_open(location ? location : ":memory:", text(&with, "options"), &error);
    if (engine == NULL || open != NULL) {
        cJSON *answer = error ? cJSON_Parse(error) : NULL;
        good = must("cji_engine_open", open ? open : nothing, answer);
        cJSON_Delete(answer);
    } else {
        heard.replies = cJSON_CreateArray();
        heard.cancel = cJSON_IsTrue(member(progress, "cancel"));
        cJSON_ArrayForEach(step, member(table, "host"))
            good = good && run_step(engine, step, member(table, "import"), &heard);
        cJSON_ArrayForEach(step, member(one, "steps"))
            good = good && run_step(engine, step, member(table, "import"), &heard);
    }
    cji_engine_close(engine);
    if (good && heard.replies != NULL) {
        good = must("called", member(one, "called") ? member(one, "called") : nothing, heard.replies);
        cJSON_ArrayForEach(step, member(progress, "last"))
            good = must(step->string, step, member(heard.job, step->string)) && good;
    }
    cji_text_free(error);
    let_go(&with);
    cJSON_Delete(heard.replies);
    cJSON_Delete(heard.job);
    cJSON_Delete(opening);
    cJSON_Delete(nothing);
    return good;
}

static int removed(const char *path, const struct stat *stat, int flag, struct FTW *ftw)
{
    (void)stat, (void)flag, (void)ftw;
    return remove(path);
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;
    const cJSON *one;
    cJSON *table;
    char *all;
    if (argc < 3) return 2;
    all = contents(argv[1]);
    table = cJSON_Parse(all);
    free(all);
    cJSON_ArrayForEach(one, member(table, "cases"))
    {
        const char *name = member(one, "name")->valuestring;
        char folder[64];
        cJSON *given;
        if (argc > 3 && strstr(name, argv[3]) == NULL) continue;
        snprintf(folder, sizeof folder, "/tmp/cji-%ld", (long)getpid());
        if (mkdir(folder, 0700) != 0) return 2;
        all = replaced(replaced(cJSON_PrintUnformatted(one), "<server>", argv[2]), "<tmp>", folder);
        given = cJSON_Parse(all);
        free(all);
        if (run(table, given)) {
            passed++;
        } else {
            printf("FAILED: %s\n", name);
            failed++;
        }
        cJSON_Delete(given);
        nftw(folder, removed, 8, FTW_DEPTH | FTW_PHYS);
    }
    cJSON_Delete(table);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
