/* A small dialer: it takes the next numbers of a campaign, calls them, and reports what came of each.
 *
 *     cc -std=c99 -Iinclude examples/c/dialer.c -Ltarget/release -limport_cji -o dialer
 *     ./dialer              a store in memory, with a few customers
 *     ./dialer calls.db 1   campaign 1 of this store
 *
 * A real dialer has a JSON library; this one finds its few keys by hand, to need nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "import_cji.h"

/* Longer than the longest call: when it runs out, the number is handed to the next who asks. */
enum { LEASE_SECONDS = 600 };

/* Ends the program, saying why, if the reply is no success; else gives it back. */
static char *checked(char *reply)
{
    if (strncmp(reply, "{\"code\":1,", 10) != 0) {
        fprintf(stderr, "%s\n", reply);
        cji_text_free(reply);
        exit(1);
    }
    return reply;
}

static void done(char *reply)
{
    cji_text_free(checked(reply));
}

/* Copies the value of the next `key` at or after `at`; returns where it ends, NULL if there is none. */
static const char *value(const char *at, const char *key, char *copy, size_t size)
{
    char quoted[32];
    size_t length;
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    at = strstr(at, quoted);
    if (!at)
        return NULL;
    at += strlen(quoted);
    at += *at == '"';
    length = strcspn(at, "\",}");
    snprintf(copy, size, "%.*s", (int)length, at);
    return at + length;
}

/* A team, an agent, a campaign, and six customers on its dial list. */
static void fill(cji_engine *engine, char *campaign, size_t size)
{
    char *added;
    int n;
    done(cji_team_add(engine, "acme", "Acme Telesales"));
    done(cji_user_set(engine, "acme", "agent", "1001", "plaintext", "secret"));
    added = checked(cji_campaign_add(engine, "acme", "{\"name\":\"Spring renewals\"}"));
    value(added, "message", campaign, size);
    cji_text_free(added);
    for (n = 1; n <= 6; n++) {
        char record[64];
        snprintf(record, sizeof record, "name=Customer %d||phone1=1380013800%d", n, n);
        done(import_cji(engine, "acme", "agent", "1001", "plaintext", "secret", "Campaign", campaign, "data", record,
                        "", "", "", "", "phone1", "", "", "", "", "", "", "", ""));
    }
}

/* Pretends to call `phone`, and writes what came of it. */
static void call(const char *phone, const char **status, char *outcome, size_t size)
{
    char last = phone[strlen(phone) - 1];
    snprintf(outcome, size, "{\"outcome\":\"done\"}");
    if (last == '1' || last == '4') {
        *status = "success";
    } else if (last == '3') {
        time_t tomorrow = time(NULL) + 24 * 60 * 60;
        char at[32];
        strftime(at, sizeof at, "%Y-%m-%d %H:%M:%S", localtime(&tomorrow));
        *status = "pending";
        snprintf(outcome, size, "{\"outcome\":\"retry\",\"dial_time\":\"%s\",\"priority\":1}", at);
    } else {
        *status = "error";
    }
}

int main(int argc, char **argv)
{
    char campaign[24] = "", id[24], customer[24], phone[64];
    char *error = NULL, *taken, *left;
    const char *at;
    cji_engine *engine = cji_engine_open(argc > 1 ? argv[1] : ":memory:", "", &error);
    if (!engine) {
        fprintf(stderr, "%s\n", error);
        cji_text_free(error);
        return 1;
    }
    if (argc > 2)
        snprintf(campaign, sizeof campaign, "%s", argv[2]);
    else
        fill(engine, campaign, sizeof campaign);

    taken = checked(cji_dial_next(engine, campaign, 5, LEASE_SECONDS));
    at = strstr(taken, "\"entries\"");
    while (at && (at = value(at, "id", id, sizeof id)) && (at = value(at, "customer", customer, sizeof customer)) &&
           (at = value(at, "phone", phone, sizeof phone))) {
        const char *status;
        char outcome[128], changes[64];
        call(phone, &status, outcome, sizeof outcome);
        snprintf(changes, sizeof changes, "{\"status\":\"%s\"}", status);
        done(cji_customer_set(engine, campaign, customer, changes));
        done(cji_dial_done(engine, campaign, id, outcome));
        printf("called %-12s %s%s\n", phone, status, strstr(outcome, "retry") ? ", again tomorrow" : "");
    }
    cji_text_free(taken);

    left = checked(cji_campaign_get(engine, campaign));
    value(left, "dial_list", id, sizeof id);
    printf("%s numbers are left on the list\n", id);
    cji_text_free(left);
    cji_engine_close(engine);
    return 0;
}
