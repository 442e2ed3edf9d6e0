"""The proxies the corpus can be run against: how each is configured, started and stopped.

`start(ports)` takes {service: upstream port}, and answers the proxy's own port. Every target also has a service
`loo` whose one instance is the proxy itself.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from . import naive

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ports import free_port  # noqa: E402


class Process:
    """A proxy in a process of its own, its files in a temporary directory."""

    def __init__(self, slow=False):
        self.slow = slow
        self.process = None

    async def start(self, ports):
        self.folder = tempfile.TemporaryDirectory(prefix="hostile-")
        port = free_port()
        text = self.config(dict(ports) | {"loo": port}, port)
        path = Path(self.folder.name, self.file)
        path.write_text(text)
        self.log = open(Path(self.folder.name, "log"), "wb")
        self.process = subprocess.Popen(
            self.command(path), stdout=self.log, stderr=subprocess.STDOUT, cwd=self.folder.name, env=self.environment()
        )
        await self.until_listening(port)
        return port

    def environment(self):
        mine = {name: value for name, value in os.environ.items() if not name.startswith("CSIDECAR")}
        return mine | {"XDG_RUNTIME_DIR": self.folder.name, "XDG_STATE_HOME": self.folder.name}

    async def until_listening(self, port):
        for _ in range(200):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                await asyncio.sleep(0.05)
        raise RuntimeError("it did not start:\n" + self.output())

    def output(self):
        return Path(self.folder.name, "log").read_text(errors="replace")[-4000:]

    async def alive(self, port):
        """None, or what is wrong with the process after the corpus."""
        if self.process.poll() is not None:
            return "the proxy ended with %s:\n%s" % (self.process.returncode, self.output())
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()

    async def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(self.process.wait, 15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        text = self.output() if self.process else ""
        self.folder.cleanup()
        if "ERROR: AddressSanitizer" in text or "runtime error:" in text or "LeakSanitizer" in text:
            raise AssertionError("a sanitizer spoke:\n" + text)


class Csidecar(Process):
    file = "csidecar.yaml"

    def command(self, path):
        return [str(Path(os.environ.get("CSIDECAR", "build/release/csidecar")).resolve()), "run", "-c", str(path)]

    def config(self, ports, port):
        lines = [
            "name: hostile",
            'registry: { url: "static:" }',
            'proxy: { listen: ["127.0.0.1:%d"] }' % port,
            "admin: { listen: 127.0.0.1:%d }" % free_port(),
            "log: { access: false }",
            "defaults:",
            "  retries: { max: 0 }",
            "  outlier: { failures: 0 }",
            *(self.short() if self.slow else ["  timeout: 4s"]),
            "services:",
        ]
        lines += ['  %s: { instances: ["127.0.0.1:%d"] }' % pair for pair in ports.items()]
        return "\n".join(lines) + "\n"

    def short(self):
        limits = "limits: { head_timeout: 1500ms, body_window: 1500ms, keepalive: 1500ms }"
        return ["  timeout: 1500ms", "  idle_timeout: 1500ms", limits]


class Haproxy(Process):
    file = "haproxy.cfg"

    def command(self, path):
        return ["haproxy", "-db", "-f", str(path)]

    def config(self, ports, port):
        wait = "1500ms" if self.slow else "4s"
        lines = ["global", "  maxconn 2000", "  nbthread 1", "defaults", "  mode http", "  retries 0"]
        lines += ["  timeout connect 1s", "  timeout client %s" % wait, "  timeout server %s" % wait]
        lines += ["  timeout http-request 1500ms"] if self.slow else []
        lines += ["frontend f", "  bind 127.0.0.1:%d" % port, "  http-request set-var(txn.s) path,field(2,/)"]
        lines += [r"  http-request replace-path /[^/]+(/.*)? \1", "  use_backend %[var(txn.s)]"]
        for name, upstream in ports.items():
            lines += ["backend " + name, "  server s 127.0.0.1:%d" % upstream]
        return "\n".join(lines) + "\n"


class Nginx(Process):
    file = "nginx.conf"

    def command(self, path):
        return ["nginx", "-c", str(path), "-p", self.folder.name, "-e", "stderr"]

    def config(self, ports, port):
        groups = "\n".join("upstream %s { server 127.0.0.1:%d; keepalive 4; }" % pair for pair in ports.items())
        wait = "1500ms" if self.slow else "4s"
        temporary = "\n".join(
            "%s_temp_path %s/%s;" % (what, self.folder.name, what)
            for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return f"""daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 2000; }}
http {{ access_log off; {temporary}
{groups}
map $request_uri $rest {{ ~^/[^/]+(?<r>/.*)$ $r; default /; }}
server {{ listen 127.0.0.1:{port};
  client_header_timeout {wait}; client_body_timeout {wait}; keepalive_timeout {wait};
  proxy_read_timeout {wait}; proxy_send_timeout {wait}; send_timeout {wait};
  location ~ ^/(?<s>[a-z0-9]+)/ {{
    proxy_pass http://$s$rest; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off;
  }}
}} }}
"""


class Naive:
    """The control: see naive.py."""

    def __init__(self, slow=False):
        self.server = None

    async def start(self, ports):
        self.server, port = await naive.start(ports)
        return port

    async def alive(self, _):
        return None

    async def stop(self):
        if self.server:
            self.server.close()


TARGETS = {"csidecar": Csidecar, "naive": Naive, "haproxy": Haproxy, "nginx": Nginx}
