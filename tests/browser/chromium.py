"""A headless Chromium, a page that attacks, the app it is after, and csidecar in between."""

import base64
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from ports import free_port  # noqa: E402

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
CSIDECAR = os.environ.get("CSIDECAR", str(ROOT / "build/release/csidecar"))

CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--remote-debugging-port=0",
            # evil.test is the attacker's name, which his DNS server lets resolve to our loopback.
            "--host-resolver-rules=MAP evil.test 127.0.0.1"]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, kind, body, headers=()):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class PageHandler(Handler):
    """The attacker's own server: gives out the page, takes its report."""

    def do_GET(self):
        page = self.path.startswith("/attacks.html")
        self.answer("text/html", (HERE / "attacks.html").read_bytes() if page else b"")

    def do_POST(self):
        self.server.reports.put(json.loads(self.body()))
        self.answer("text/plain", b"")


class AppHandler(Handler):
    """An app that would let any page read it: whatever protects it is not its own doing."""

    def do_GET(self):
        self.body()
        name = urllib.parse.urlsplit(self.path).path.rsplit("/", 1)[1]
        self.server.arrived.add((self.command, name))
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.upgrade()
        kind = "text/event-stream" if name == "event-source" else "text/plain"
        self.answer(kind, b"secret", [
            ("Access-Control-Allow-Origin", self.headers.get("Origin", "*")),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Allow-Methods", "PUT, DELETE"),
            ("Access-Control-Allow-Headers", "content-type, csidecar-service")])

    do_POST = do_PUT = do_DELETE = do_OPTIONS = do_GET

    def upgrade(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        for name, value in [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                            ("Sec-WebSocket-Accept", accept)]:
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True


class Browser:
    def __init__(self, directory):
        self.directory, self.process = directory, None

    def open(self, url):
        self.close()
        self.process = subprocess.Popen(
            [*CHROMIUM, f"--user-data-dir={self.directory}", url], start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def attack(self, page, host, target):
        """What a page on http://HOST could read of the target: {attack: {read, error}}."""
        query = urllib.parse.urlencode({"target": target})
        self.open(f"http://{host}:{page.port}/attacks.html?{query}")
        return page.reports.get(timeout=30)

    def close(self):
        if self.process:
            os.killpg(self.process.pid, 9)
            self.process.wait()
            self.process = None


def wait_for(condition, seconds=15):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"waited {seconds} s in vain"
        time.sleep(0.05)


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False
