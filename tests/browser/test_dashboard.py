"""The page of the admin port, as a browser shows it."""

import subprocess

from chromium import CHROMIUM


def shown(url, directory):
    """The document after the page has looked at the sidecar, and what the browser complained of."""
    command = [*CHROMIUM, f"--user-data-dir={directory}", "--enable-logging=stderr", "--virtual-time-budget=3000",
               "--dump-dom", url]
    done = subprocess.run([c for c in command if "debugging" not in c], text=True, capture_output=True, timeout=60)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_it_shows_services_and_instances(app, sidecar, tmp_path):
    document, complaints = shown(f"http://127.0.0.1:{sidecar.admin}/", tmp_path / "chromium")
    assert f"127.0.0.1:{app.port}" in document and ">victim<" in document and ">ready<" in document
    assert complaints == []
