"""`csidecar check` and a reload, on configurations that are broken in one way each.

Each of broken/*.yaml says in its first line what must be said about it:
    # expect: LINE:COLUMN: the key's path: the reason
"""
import json
import os
import pathlib
import subprocess

import pytest

from .lib import Sidecar, binary

HERE = pathlib.Path(__file__).parent
BROKEN = sorted((HERE / "broken").glob("*.yaml"))
LIMIT_S = 20

EXAMPLE = """\
name: users
version: 1.4.0
app: { port: 5000, health: { http: /healthz, interval: 5s, timeout: 1s, fall: 3, rise: 1 } }
metadata: { zone: eu-1 }
registry: { url: local, ttl: 30s, heartbeat: 10s }
proxy: { listen: ["127.0.0.1:8081", "[::1]:8081"], workers: 1, token: hush-hush }
defaults:
  timeout: 15s
  retries: { max: 2, backoff: 25ms, budget: 20% }
services:
  billing: { timeout: 60s, retries: { max: 0 } }
  search:
    instances: ["127.0.0.1:5001", { address: "127.0.0.1:5002", weight: 2, metadata: { zone: eu-1 } }]
"""


def environment(**more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CSIDECAR_")}
    return clean | more


def check(path, **more):
    return subprocess.run([binary(), "check", str(path)], capture_output=True, text=True,
                          timeout=LIMIT_S, env=environment(**more))


def expected(path):
    first = path.read_bytes().split(b"\n", 1)[0].decode()
    assert first.startswith("# expect: ")
    return first.removeprefix("# expect: ")


def test_there_are_enough_of_them():
    assert len(BROKEN) >= 20


@pytest.mark.parametrize("path", BROKEN, ids=lambda p: p.stem)
def test_check_says_where_and_why(path):
    done = check(path)
    assert done.returncode not in (0, -6, -11)
    assert f"{path}:{expected(path)}\n" in done.stderr
    assert done.stdout == ""


def test_check_prints_what_holds_and_what_would_be_registered(tmp_path):
    path = tmp_path / "csidecar.yaml"
    path.write_text(EXAMPLE)
    done = check(path)
    assert done.returncode == 0, done.stderr
    assert "name: users\n" in done.stdout
    assert "  connect_timeout: 1s\n" in done.stdout
    assert "service=users version=1.4.0" in done.stdout and 'zone="eu-1"' in done.stdout
    assert "hush-hush" not in done.stdout + done.stderr


def test_what_check_prints_can_be_checked(tmp_path):
    path, again = tmp_path / "csidecar.yaml", tmp_path / "again.yaml"
    path.write_text(EXAMPLE)
    again.write_text(check(path).stdout)
    assert check(again).stdout == again.read_text()


def test_check_takes_the_environment_into_account(tmp_path):
    path = tmp_path / "csidecar.yaml"
    path.write_text(EXAMPLE)
    assert "workers: 3\n" in check(path, CSIDECAR_PROXY_WORKERS="3").stdout
    refused = check(path, CSIDECAR_PROXY_WROKERS="3")
    assert 'CSIDECAR_PROXY_WROKERS: unknown variable (did you mean "CSIDECAR_PROXY_WORKERS"?)' in refused.stderr


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    s = Sidecar(tmp_path_factory.mktemp("reload"), {}).start()
    yield s
    s.stop()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda p: p.stem)
def test_a_reload_of_it_changes_nothing_and_says_so(running, broken):
    before = running.admin("/config")
    running.config.write_bytes(broken.read_bytes())
    status, answer = running.admin("/reload", "POST")
    assert status >= 400
    assert f"csidecar.yaml:{expected(broken).split(': ')[0]}: " in answer.decode()
    assert running.admin("/config") == before


def test_a_good_reload_takes_hold(running):
    running.config.write_text(json.dumps(json.loads(running.settings) | {"defaults": {"timeout": "7s"}}))
    status, _ = running.admin("/reload", "POST")
    assert status < 300
    assert b'"7s"' in running.admin("/config")[1]


def test_a_reload_that_needs_a_restart_is_refused(running):
    changed = json.loads(running.settings)
    changed["proxy"]["workers"] = 2
    running.config.write_text(json.dumps(changed))
    status, answer = running.admin("/reload", "POST")
    assert status >= 400
    assert b"proxy.workers: changing it needs a restart" in answer


def test_ten_thousand_services_are_checked_and_printed(tmp_path):
    instances = ", ".join('"127.0.0.1:%d"' % port for port in range(5001, 5011))
    path = tmp_path / "many.yaml"
    path.write_text("services:\n" + "".join("  s%d: { instances: [%s] }\n" % (i, instances) for i in range(10000)))
    done = check(path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("127.0.0.1:5010") == 10000
