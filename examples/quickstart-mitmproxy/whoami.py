"""An application that shows who the gate says is visiting: `python whoami.py [PORT]`."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class WhoAmI(BaseHTTPRequestHandler):
    """Answers with the visitor's address and the headers that came from the gate."""

    def do_GET(self) -> None:
        """Say who is there."""
        email = self.headers["Cf-Access-Authenticated-User-Email"] or "nobody in particular"
        text = f"Hello, {email}.\n\n{self.headers}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    ThreadingHTTPServer(("127.0.0.1", port), WhoAmI).serve_forever()
