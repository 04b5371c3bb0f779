/* A web endpoint that imports single records: a CGI program that answers the vendor's URL
 *
 *     /setevent/importCJI?callback=jQuery1_2&orgidentity=myteam&...&source=data&context=name=Joe||phone1=138...
 *
 * with a script for the browser. The web server tells it in CALLS_DB where the database is.
 *
 *     cc -std=c99 examples/c/record.c $(pkg-config --cflags --libs import_cji) -o importCJI
 *
 * A CGI program is a new process each time, which verifies the password the slow way each time. Where many records come,
 * keep one process: examples/cpp/record.cpp is the same endpoint by FastCGI.
 */
#include <stdio.h>
#include <stdlib.h>

#include "import_cji.h"

int main(void)
{
    const char *database = getenv("CALLS_DB"), *query = getenv("QUERY_STRING");
    char *reply = NULL;
    /* Records only: no client makes this server fetch a file from anywhere. */
    cji_engine *engine = cji_engine_open(database ? database : "", "{\"allow_hosts\": []}", &reply);
    if (engine == NULL) {
        /* Why is for the server's log, not for the browser. */
        fprintf(stderr, "importCJI: %s\n", reply);
        puts("Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\nThe database can't be opened.");
    } else {
        reply = import_jsonp(engine, query ? query : "");
        /* It repeats what the client sent: no browser may take it for anything but a script. */
        printf("Content-Type: text/javascript; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\r\n%s\n", reply);
    }
    cji_text_free(reply);
    cji_engine_close(engine);
    return engine == NULL;
}
