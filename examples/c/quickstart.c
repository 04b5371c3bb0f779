/*
 * A CSV file on a web server becomes customers and a dial list, by one call of import_cji().
 *
 *     cargo build --release
 *     cc -std=c99 -pthread -Iinclude examples/c/quickstart.c target/release/libimport_cji.a \
 *         -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc -o target/quickstart
 *     target/quickstart examples/data/leads.csv
 *
 * The library gives replies as JSON. A program with a JSON library would read them by it; this one reads what it shows
 * by cji_query(), whose rows and columns a few lines of C can print as a table.
 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import_cji.h"

/* ---- a web server of one file, on the loopback ---- */

struct server {
    int socket;
    char *file;
    size_t size;
};

static void send_all(int to, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = write(to, bytes, size);
        if (sent <= 0) return; /* a client that goes away is no fault of the server */
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void *serve(void *data)
{
    struct server *server = data;
    for (;;) {
        char request[4096], head[128];
        size_t length = 0;
        int client = accept(server->socket, NULL, NULL);
        if (client < 0) continue;
        /* The request ends with an empty line. */
        while (length < sizeof request - 1) {
            ssize_t got = read(client, request + length, sizeof request - 1 - length);
            if (got <= 0) break;
            length += (size_t)got;
            request[length] = '\0';
            if (strstr(request, "\r\n\r\n") != NULL) break;
        }
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                 server->size);
        send_all(client, head, strlen(head));
        send_all(client, server->file, server->size);
        close(client);
    }
    return NULL;
}

/* Starts the server; gives its port, or 0. */
static int start(struct server *server)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    pthread_t thread;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (server->socket < 0 || bind(server->socket, (struct sockaddr *)&address, size) != 0) return 0;
    if (listen(server->socket, 8) != 0) return 0;
    if (getsockname(server->socket, (struct sockaddr *)&address, &size) != 0) return 0;
    if (pthread_create(&thread, NULL, serve, server) != 0) return 0;
    return ntohs(address.sin_port);
}

static int read_file(const char *path, struct server *server)
{
    FILE *file = fopen(path, "rb");
    long size;
    if (file == NULL) return 0;
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    server->file = size < 0 ? NULL : malloc((size_t)size + 1);
    server->size = server->file == NULL ? 0 : fread(server->file, 1, (size_t)size, file);
    fclose(file);
    return server->file != NULL;
}

/* ---- replies ---- */

/* Leaves the message of a reply in `message` and frees the reply; ends the program where it is a failure. */
static void done(char *reply, char *message, size_t size)
{
    char *end, *text = strstr(reply, "\"message\":\"") + strlen("\"message\":\"");
    if (strncmp(reply, "{\"code\":1,", 10) != 0) {
        fprintf(stderr, "quickstart: %s\n", reply);
        exit(1);
    }
    end = strchr(text, '"');
    if (message != NULL) snprintf(message, size, "%.*s", (int)(end - text), text);
    cji_text_free(reply);
}

/* ---- the answer of cji_query() as a table ---- */

enum { MOST_ROWS = 24, MOST_COLUMNS = 8, MOST_BYTES = 160 };

/* Copies the JSON value at `json` as a cell of a table, and gives its end. */
static const char *read_cell(const char *json, char *cell)
{
    size_t length = 0;
    int quoted = *json == '"';
    if (strncmp(json, "null", 4) == 0) json += 4;
    for (json += quoted; quoted ? *json != '"' : strchr(",]", *json) == NULL; json++) {
        const char *from = json;
        size_t size = 1;
        if (*json == '\\') {
            json++;
            if (*json == 'u') json += 4; /* a control character */
            size = *json == 'n' ? 3 : 1; /* a line break is shown as U+23CE */
            from = *json == '"' || *json == '\\' ? json : *json == 'n' ? "\xE2\x8F\x8E" : " ";
        }
        if (length + size < MOST_BYTES) {
            memcpy(cell + length, from, size);
            length += size;
        }
    }
    /* Not in the middle of a character. */
    if (length + 4 >= MOST_BYTES) {
        while (length > 0 && (cell[length - 1] & 0xC0) == 0x80) length--;
        if (length > 0 && (cell[length - 1] & 0x80)) length--;
    }
    cell[length] = '\0';
    return json + quoted;
}

/* How many places a text takes on the screen: East Asian characters take two, combining ones none. */
static int places(const char *text)
{
    int places = 0;
    while (*text != '\0') {
        unsigned long c = (unsigned char)*text++;
        int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
        if (more > 0) c &= 0x3FUL >> more;
        while (more-- > 0 && *text != '\0') c = c << 6 | ((unsigned char)*text++ & 0x3F);
        if ((c >= 0x300 && c <= 0x36F) || (c >= 0x93A && c <= 0x94F && c != 0x93D)) continue;
        places += (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3)
                || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFF00 && c <= 0xFF60)
                || (c >= 0x20000 && c <= 0x3FFFD) ? 2 : 1;
    }
    return places;
}

/* Prints what a SELECT finds; `argument` is the value of its `?`. */
static void print_table(cji_engine *engine, const char *title, const char *sql, const char *argument)
{
    static char cells[MOST_ROWS][MOST_COLUMNS][MOST_BYTES];
    int widths[MOST_COLUMNS] = {0}, rows = 0, columns = 0, row, column;
    char arguments[64];
    char *reply;
    const char *json;
    snprintf(arguments, sizeof arguments, "[%s]", argument);
    reply = cji_query(engine, sql, arguments);
    /* {"code":1,"message":"","data":{"columns":["line","reason"],"rows":[[1,"..."],[2,"..."]]}} */
    json = strstr(reply, "\"columns\":[");
    if (json == NULL) done(reply, NULL, 0);
    for (json += strlen("\"columns\":"); json != NULL && rows < MOST_ROWS; rows++) {
        for (column = 0; *json != ']' && column < MOST_COLUMNS; column++) {
            json = read_cell(json + 1, cells[rows][column]);
            if (places(cells[rows][column]) > widths[column]) widths[column] = places(cells[rows][column]);
        }
        if (rows == 0) {
            columns = column;
            json += strlen("],\"rows\":[");
        } else {
            json += strlen("],");
        }
        if (*json != '[') json = NULL;
    }
    cji_text_free(reply);
    printf("\n%s\n\n", title);
    for (row = 0; row < rows; row++) {
        for (column = 0; column < columns; column++) {
            const char *cell = cells[row][column];
            printf("  %s%*s", cell, column + 1 < columns ? widths[column] - places(cell) : 0, "");
        }
        puts("");
    }
}

/* ---- the way of a file ---- */

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "examples/data/leads.csv";
    static struct server server; /* its thread ends with the program */
    char folder[40], database[64], url[64], sql[256], campaign[32], job[32];
    char *error, *reply;
    cji_engine *engine;
    int port;
    long number;

    signal(SIGPIPE, SIG_IGN); /* for the server: a client may go away */
    if (!read_file(path, &server)) {
        perror(path);
        return 1;
    }
    port = start(&server);
    snprintf(folder, sizeof folder, "/tmp/quickstart-%ld", (long)getpid());
    if (port == 0 || mkdir(folder, 0700) != 0) {
        perror("quickstart");
        return 1;
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d/leads.csv", port);
    snprintf(database, sizeof database, "%s/calls.db", folder);

    /* A database, with a team, an agent who may import, and a campaign with the default fields. */
    engine = cji_engine_open(database, "{\"timezone\":\"UTC\"}", &error);
    if (engine == NULL) done(error, NULL, 0);
    done(cji_team_add(engine, "myteam", "My team"), NULL, 0);
    done(cji_user_set(engine, "myteam", "agent", "1001", "plaintext", "secret"), NULL, 0);
    done(cji_campaign_add(engine, "myteam", "{\"name\":\"Spring renewals\"}"), campaign, sizeof campaign);

    reply = import_cji(engine,
            "myteam",          /* orgidentity */
            "agent",           /* usertype */
            "1001",            /* user */
            "plaintext",       /* pwdtype */
            "secret",          /* password */
            "Campaign",        /* modeltype */
            campaign,          /* model_id */
            "http",            /* source */
            url,               /* context */
            "",                /* source_user:    the server asks for no login */
            "",                /* source_pwd */
            "",                /* exetime:        now */
            "1",               /* delrow:         the first line is the title row */
            "Phone 1",         /* phone_field:    put them on the dial list under this number */
            "Priority",        /* priority_field: a column of the file that is no field of the campaign */
            "Call after",      /* dialtime_field: likewise */
            "no",              /* emptyagent */
            "no",              /* resetstatus */
            "update",          /* dupway:         a duplicate's fields become the newer row's */
            "ignoreDuplicate", /* dupdiallist:    nobody is on the dial list twice */
            "skip",            /* changepackage */
            "");               /* callbackFuc */
    printf("\nimport_cji read %s into %s\nand answered: %s\n", url, database, reply);
    done(reply, job, sizeof job);

    print_table(engine, "What became of the rows",
                "SELECT read, inserted, updated, skipped, rejected, dial_listed FROM job WHERE id = ?", job);
    print_table(engine, "Rejected rows",
                "SELECT line, reason FROM job_reject WHERE job = ? ORDER BY line LIMIT 20", job);

    /* The campaign's customers are in the table customers_<customer_table>. */
    reply = cji_query(engine, "SELECT p.customer_table FROM campaign c JOIN package p ON p.id = c.package", "");
    if (strstr(reply, "\"rows\":[[") == NULL) done(reply, NULL, 0);
    number = strtol(strstr(reply, "\"rows\":[[") + strlen("\"rows\":[["), NULL, 10);
    cji_text_free(reply);
    snprintf(sql, sizeof sql,
             "SELECT id, name, phone1, city, memo, status FROM customers_%ld WHERE id > ? ORDER BY id LIMIT 8", number);
    print_table(engine, "The first customers", sql, "0");

    print_table(engine, "What the dialer gets first",
                "SELECT id AS entry, customer, phone, priority, datetime(dial_time, 'unixepoch') AS \"not before\""
                " FROM dial_entry WHERE campaign = ? AND ifnull(dial_time, 0) <= unixepoch()"
                " ORDER BY priority DESC, dial_time, id LIMIT 8", campaign);
    puts("");

    cji_engine_close(engine);
    unlink(database);
    rmdir(folder);
    return 0;
}
