"""A web endpoint that takes single records: what the vendor's clients call, in front of one engine.

python3 web_endpoint.py calls.db 8080

http://127.0.0.1:8080/asterccinterfaces?EVENT=Import&orgidentity=myteam&...   answers |Retuen|1|Retuen|customer 1 added
http://127.0.0.1:8080/setevent/importCJI?callback=f&orgidentity=myteam&...    answers f({"code":1,"message":"..."})

The application is plain WSGI. A server that forks its workers opens an engine in each of them, after forking.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from import_cji import Engine

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def application_of(engine: Engine) -> Application:
    """The WSGI application that imports into this engine."""
    routes = {
        "/asterccinterfaces": (engine.import_event, "text/plain; charset=utf-8"),
        "/setevent/importCJI": (engine.import_jsonp, "text/javascript; charset=utf-8"),
    }

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in routes:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        import_query, content_type = routes[environ["PATH_INFO"]]
        # Whatever comes is answered: a client's fault is a text with code 2, not an exception.
        answer = import_query(environ["QUERY_STRING"])
        start_response("200 OK", [("Content-Type", content_type), ("X-Content-Type-Options", "nosniff")])
        return [answer.encode()]

    return application


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each request; all of them share the engine."""


class Quiet(WSGIRequestHandler):
    """No access log: query strings hold passwords."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def main(location: str, port: str) -> None:
    """Serves until it is interrupted."""
    # Records only: no client makes this server fetch a file from anywhere.
    with Engine(location, {"allow_hosts": []}) as engine:
        server = make_server("127.0.0.1", int(port), application_of(engine), Server, Quiet)
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        with server, contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
