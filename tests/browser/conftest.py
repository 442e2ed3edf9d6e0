import queue
import subprocess

import pytest

from chromium import (CSIDECAR, AppHandler, Browser, PageHandler, Server, answers, free_port,
                      wait_for)


@pytest.fixture
def page():
    """Where the attacker's page is; its port is the same under every name of the loopback."""
    server = Server(PageHandler)
    server.reports = queue.Queue()
    yield server
    server.stop()


@pytest.fixture
def app():
    server = Server(AppHandler)
    server.arrived = set()
    yield server
    server.stop()


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path / "chromium")
    yield browser
    browser.close()


@pytest.fixture
def sidecar(tmp_path, app, page, request):
    """csidecar with the app as the service `app`, with the settings that the test asks for."""
    extra = getattr(request, "param", "").format(page=page.port)
    port, admin = free_port(), free_port()
    settings = tmp_path / "csidecar.yaml"
    settings.write_text(f"""
name: victim
registry: {{ url: "static:" }}
proxy: {{ listen: "127.0.0.1:{port}"{extra} }}
admin: {{ listen: "127.0.0.1:{admin}" }}
services: {{ app: {{ instances: ["127.0.0.1:{app.port}"] }} }}
""")
    log = open(tmp_path / "csidecar.log", "w")
    process = subprocess.Popen([CSIDECAR, "--config", settings], cwd=tmp_path, stdout=log, stderr=log)
    process.port, process.admin = port, admin
    wait_for(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/app/hello"))
    assert process.poll() is None, (tmp_path / "csidecar.log").read_text()
    app.arrived.clear()
    yield process
    process.terminate()
    process.wait(15)
    log.close()
