/* What the C tests share: each reply is checked and freed in one call. Plain C99 that is C++17 too. */
#ifndef CHECK_H
#define CHECK_H

#ifdef __cplusplus
extern "C" {
#endif
#include "import_cji.h"
#ifdef __cplusplus
}
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            failures++; \
        } \
    } while (0)

/* The reply is exactly this text. */
#define IS(reply, text) is_(__FILE__, __LINE__, (reply), (text))
/* The reply begins so, and holds each of two words. */
#define DONE(reply, word) holds_(__FILE__, __LINE__, (reply), "{\"code\":1,", (word))
#define FAILED(reply, word) holds_(__FILE__, __LINE__, (reply), "{\"code\":2,\"message\":\"", (word))
#define WS_FAILED(reply, word) holds_(__FILE__, __LINE__, (reply), "|Retuen|2|Retuen|", (word))

static inline void is_(const char *file, int line, char *reply, const char *text)
{
    if (reply == NULL || strcmp(reply, text) != 0) {
        fprintf(stderr, "%s:%d: expected %s, got %s\n", file, line, text, reply ? reply : "NULL");
        failures++;
    }
    cji_text_free(reply);
}

static inline void holds_(const char *file, int line, char *reply, const char *start, const char *word)
{
    if (reply == NULL || strncmp(reply, start, strlen(start)) != 0 || strstr(reply, word) == NULL) {
        fprintf(stderr, "%s:%d: expected %s... with '%s', got %.500s\n", file, line, start, word,
                reply ? reply : "NULL");
        failures++;
    }
    cji_text_free(reply);
}

/* A store in memory with the team "team", the agent "1001" and the campaign "12". */
static inline cji_engine *host(void)
{
    char *error = NULL;
    cji_engine *engine = cji_engine_open(":memory:", "{\"timezone\":\"UTC\"}", &error);
    if (engine == NULL) {
        fprintf(stderr, "cji_engine_open: %s\n", error ? error : "no error");
        exit(2);
    }
    CHECK(error == NULL);
    DONE(cji_team_add(engine, "team", "The team"), "");
    DONE(cji_user_set(engine, "team", "agent", "1001", "plaintext", "secret"), "");
    IS(cji_campaign_add(engine, "team", "{\"name\":\"Spring\",\"id\":\"12\"}"), "{\"code\":1,\"message\":\"12\"}");
    return engine;
}

/* One record into campaign 12, put on the dial list. */
static inline char *record(cji_engine *engine, const char *context, const char *dupway, const char *callback)
{
    return import_cji(engine, "team", "agent", "1001", "plaintext", "secret", "Campaign", "12", "data", context, "",
                      "", "", "", "phone1", "", "", "no", "no", dupway, "ignoreDuplicate", "skip", callback);
}

/* To be returned by main(). */
static inline int verdict(const char *name)
{
    if (failures == 0) {
        printf("%s: ok\n", name);
    }
    return failures == 0 ? 0 : 1;
}

#endif
