// A web endpoint that imports single records: a FastCGI program that answers the vendor's URL
//
//     /setevent/importCJI?callback=jQuery1_2&orgidentity=myteam&...&source=data&context=name=Joe||phone1=138...
//
// with a script for the browser. Its engine stays open, so that a login is verified the slow way only once.
//
//     c++ -std=c++17 -pthread examples/cpp/record.cpp $(pkg-config --cflags --libs import_cji fcgi) -o importCJI
//     spawn-fcgi -s importCJI.sock -F 2 -- importCJI calls.db

#include <csignal>
#include <iostream>

#include <fcgiapp.h>
#include <import_cji.hpp>

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::cerr << "importCJI DATABASE\n";
        return 2;
    }
    // Records only: no client makes this server fetch a file from anywhere.
    cji::engine engine(argv[1], R"({"allow_hosts": []})");

    // The server stops its programs by SIGTERM. Without SA_RESTART it ends the wait for a request.
    struct sigaction stop = {};
    stop.sa_handler = [](int) { FCGX_ShutdownPending(); };
    sigaction(SIGTERM, &stop, nullptr);

    FCGX_Request request;
    FCGX_Init();
    FCGX_InitRequest(&request, 0, FCGI_FAIL_ACCEPT_ON_INTR);
    while (FCGX_Accept_r(&request) == 0) {
        const char* query = FCGX_GetParam("QUERY_STRING", request.envp);
        const std::string reply = engine.import_jsonp(query != nullptr ? query : "");
        // It repeats what the client sent: no browser may take it for anything but a script.
        FCGX_FPrintF(request.out,
                     "Content-Type: text/javascript; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\r\n%s\n",
                     reply.c_str());
    }
} catch (const cji::error& error) {
    std::cerr << "importCJI: " << error.what() << '\n';
    return 1;
}
