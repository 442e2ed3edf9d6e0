"""What the image holds, without a container engine: the same root directory, entered by chroot
as the image's user, mounted read-only."""

import http.client
import http.server
import os
import re
import shlex
import subprocess
import threading

import pytest

from deployed import ROOT, free_port, wait_for

CONTAINERFILE = (ROOT / "deploy/Containerfile").read_text()
USER = re.search(r"^USER (\d+:\d+)$", CONTAINERFILE, re.M)[1]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="chroot and mount ask for root")


@pytest.fixture(scope="module")
def rootfs(binary, tmp_path_factory):
    root = tmp_path_factory.mktemp("image") / "rootfs"
    subprocess.run([ROOT / "deploy/rootfs", binary, root], check=True)
    os.chmod(root.parent, 0o755)
    os.chmod(root.parent.parent, 0o755)
    return root


def has_mount_namespaces():
    """Not where the root is no mount point, as in a chroot."""
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def inside(rootfs, *arguments):
    """The command line that runs csidecar in there, in a mount namespace of its own where there are any; else what
    keeps it from writing is that its user owns nothing."""
    enter = f"exec chroot --userspec={USER} {rootfs} /csidecar {shlex.join(arguments)}"
    if not has_mount_namespaces():
        return ["sh", "-c", enter]
    return ["unshare", "--mount", "sh", "-c", f"mount --bind {rootfs} {rootfs} && mount -o remount,bind,ro {rootfs} && {enter}"]


@pytest.fixture
def app():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except ConnectionError:
        return None
    finally:
        connection.close()


def test_the_image_is_built_from_files_that_there_are():
    sources = re.findall(r"^COPY (?!--from)(\S+) ", CONTAINERFILE, re.M)
    assert {"config", "transport", "health", "discovery", "sidecar"} <= set(sources)
    assert all((ROOT / source).exists() for source in sources)


def test_it_holds_the_binary_its_libraries_and_no_shell(rootfs):
    programs = [p for p in rootfs.rglob("*") if p.is_file() and os.access(p, os.X_OK)]
    assert rootfs / "csidecar" in programs
    assert all(p.name == "csidecar" or ".so" in p.name for p in programs)


def test_it_is_small(rootfs):
    size = sum(p.stat().st_size for p in rootfs.rglob("*") if p.is_file())
    assert size < 16 << 20


def test_it_says_its_version_in_there(rootfs):
    done = subprocess.run(inside(rootfs, "version"), text=True, capture_output=True)
    assert done.returncode == 0 and "csidecar" in done.stdout, done.stderr


@pytest.mark.parametrize("sandbox", ["auto", "strict"])
def test_it_serves_in_there_and_leaves_when_asked(rootfs, app, sandbox):
    endpoint, admin = free_port(), free_port()
    (rootfs / "etc/csidecar.yaml").write_text(f"""
name: hello
app: {{ port: {app} }}
registry: {{ url: "static:" }}
proxy: {{ listen: "127.0.0.1:{endpoint}" }}
admin: {{ listen: "127.0.0.1:{admin}" }}
services: {{ hello: {{ instances: ["127.0.0.1:{app}"] }} }}
drain: {{ settle: 0s }}
sandbox: {sandbox}
""")
    process = subprocess.Popen(inside(rootfs, "--config", "/etc/csidecar.yaml"))
    try:
        wait_for(lambda: get(endpoint, "/hello/") == (200, b"hello"), process)
        status = open(f"/proc/{process.pid}/status").read()
        assert re.search(r"^Uid:\s+" + USER.split(":")[0], status, re.M)
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
