#!/usr/bin/env python3
"""A receiver of webhooks for tests: writes each request it takes as one JSON line.
   webhook_receiver.py PORT FILE REFUSE_FIRST
It answers 500 to the first REFUSE_FIRST requests, and does not write them."""
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

refuse = int(sys.argv[3])


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        global refuse
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if refuse > 0:
            refuse -= 1
            self.send_response(500)
        else:
            with open(sys.argv[2], "a", encoding="utf-8") as out:
                out.write(json.dumps({"headers": dict(self.headers), "body": body}) + "\n")
            self.send_response(204)
        self.end_headers()

    def log_message(self, format, *args):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
