"""A server that speaks S3, moto's, on a free port of this machine alone. It keeps everything in its memory.

usage: s3_server.py [--deny PART] [--hold PART]

Says "port N" when it is there, and "part N" of each part of an upload that comes. --deny: one of that number is
refused. --hold: the first of that number gets its answer when a line comes in.
"""

import argparse
import logging
import sys
import threading
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

DENIED = b"<Error><Code>AccessDenied</Code><Message>no such parts here</Message></Error>"


class Watched:
    """The application, and who watches the parts that come to it."""

    def __init__(self, app, options):
        self.app = app
        self.deny, self.hold = options.deny, options.hold
        self.lock = threading.Lock()

    def say(self, text):
        with self.lock:
            print(text, flush=True)

    def __call__(self, environ, start_response):
        part = int(parse_qs(environ["QUERY_STRING"]).get("partNumber", ["0"])[0])
        if part and environ["REQUEST_METHOD"] == "PUT":
            self.say(f"part {part}")
            if part == self.hold:
                self.hold = None
                sys.stdin.readline()
            if part == self.deny:
                environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
                start_response("403 Forbidden", [("Content-Type", "application/xml")])
                return [DENIED]
        return self.app(environ, start_response)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--deny", type=int)
    parser.add_argument("--hold", type=int)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = Watched(DomainDispatcherApplication(create_backend_app), parser.parse_args())
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=WSGIRequestHandler)
    app.say(f"port {server.server_port}")
    server.serve_forever()


if __name__ == "__main__":
    main()
