"""Stands in for an operator or a worker: `standin.py operator|worker [--handlers WHAT]`.

STANDIN=broken ends at once; STANDIN=stubborn ignores SIGTERM.
"""

import http.server
import os
import signal
import sys


class Ready(http.server.BaseHTTPRequestHandler):
    """Says yes to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def leave(*_: object) -> None:
    print("INFO drained", file=sys.stderr, flush=True)
    os._exit(0)


how = os.environ.get("STANDIN")
if how == "broken":
    raise SystemExit("ERROR no module named nonsense")
signal.signal(signal.SIGTERM, signal.SIG_IGN if how == "stubborn" else leave)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["KRONSTREAM_METRICS_PORT"])), Ready)
print("INFO I am", *sys.argv[1:], file=sys.stderr, flush=True)
server.serve_forever()
