"""What the scenario tests of the registrar share: apps that can be unwell, and a look into the local registry."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from .lib import PATIENCE, Upstream, binary, eventually, ok, unwell


class App(Upstream):
    """Says who it is; GET /healthz is answered with `health`, and `checks` counts those."""

    def __init__(self, body="app", health=None):
        super().__init__(ok(body))
        self.health, self.checks, self.body = health or ok("well"), 0, body

    def answer(self, peer, request):
        if request.target == "/healthz":
            self.checks += 1
            return peer.send(self.health)
        return super().answer(peer, request)


UNWELL = unwell()
FAST = {"interval": "100ms", "first_interval": "20ms", "timeout": "500ms", "fall": 2}


class Registry:
    """The directory of `local`, shared by the sidecars of one test."""

    def __init__(self, folder):
        self.folder = Path(folder) / "shared"
        self.folder.mkdir(mode=0o700)
        self.environment = {"XDG_RUNTIME_DIR": str(self.folder)}

    def records(self, service=None):
        found = []
        for file in self.folder.glob("csidecar/registry/**/*"):
            with contextlib.suppress(OSError, ValueError):
                if file.is_file() and (text := file.read_text()):
                    found.append(json.loads(text))
        return [r for r in found if service in (None, r["service"])]

    def wait_for(self, service, count=1, patience=PATIENCE):
        """The records once there are so many."""
        what = "%d records of %s" % (count, service)
        eventually(lambda: len(self.records(service)) == count, what, patience)
        return self.records(service)


def settings(name, port=None, health=None, **more):
    """Of a sidecar beside one app, with the local registry and fast checks."""
    app = {"health": {**FAST, **(health or {})}} | ({"port": port} if port else {})
    return {"name": name, "registry": {"url": "local"}, "app": app, **more}


def csidecar(sidecar, *words, **more):
    """The command line, at the admin port of a running sidecar."""
    return subprocess.run(
        [binary(), *words, "--admin", "127.0.0.1:%d" % sidecar.admin_port],
        capture_output=True, text=True, timeout=20, env=sidecar.environment, **more
    )


PYTHON = sys.executable
# An app of one file: says its PORT at /, and what GET $CSIDECAR_URL/<the path> answers at /ask/<the path>.
SERVER = """
import http.server, os, sys, time, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(float(self.path.split("=")[1]))
        body = os.environ["PORT"].encode()
        if self.path.startswith("/ask/"):
            body = urllib.request.urlopen(os.environ["CSIDECAR_URL"] + self.path[4:]).read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
