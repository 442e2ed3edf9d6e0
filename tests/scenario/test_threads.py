"""Four workers, while lists, settings and ejections change and reports are asked for (for ThreadSanitizer, too)."""

import contextlib
import json
import signal
import time
import threading

import pytest

from .lib import eventually, refusing

pytestmark = pytest.mark.threads
WIDE = 24  # connections at once: each of four workers gets some


class ServiceFile:
    """The file of a `file:` registry, exchanged as a whole."""

    def __init__(self, folder):
        self.path = folder / "services.json"

    def write(self, **services):
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({n: [getattr(i, "address", i) for i in v] for n, v in services.items()}))
        new.rename(self.path)

    @property
    def settings(self):
        return {"proxy": {"workers": 4}, "registry": {"url": "file:%s" % self.path}}


@pytest.fixture
def file(tmp_path):
    return ServiceFile(tmp_path)


@contextlib.contextmanager
def meanwhile(*actions):
    """Each action is repeated by a thread of its own, every 20 ms, during the block."""
    over, failures = threading.Event(), []

    def repeat(action):
        try:
            while not over.wait(0.02):
                action()
        except Exception as e:  # noqa: BLE001 - shown below
            failures.append(e)

    threads = [threading.Thread(target=repeat, args=(a,)) for a in actions]
    for t in threads:
        t.start()
    try:
        yield
    finally:
        over.set()
        for t in threads:
            t.join()
    assert not failures, failures


def statuses(s, target, clients=WIDE):
    """What as many new connections hear, as a set."""
    return {s.get(target).status for _ in range(clients)}


def call(s, count, heard):
    with s.connect() as c:
        for i in range(count):
            heard.append(c.request("/%s/x" % ("users", "items", "cart")[i % 3]).response().status)


def test_all_at_once(upstream, sidecar, file):
    good = [upstream() for _ in range(4)]
    turn = iter(range(10**9))

    def rewrite():
        n = next(turn)
        some = [good[n % 4], good[(n + 1) % 4]]
        file.write(users=some, items=[*good[: 2 + n % 3]], cart=[*some, refusing()])

    rewrite()
    s = sidecar({**file.settings, "defaults": {"retries": {"budget_min": 100}}})  # an address that refuses comes every 20 ms
    heard = []
    callers = [threading.Thread(target=call, args=(s, 120, heard)) for _ in range(8)]
    with meanwhile(rewrite, lambda: s.process.send_signal(signal.SIGHUP), lambda: s.admin("/stats")):
        for c in callers:
            c.start()
        for c in callers:
            c.join()
    assert heard == [200] * 960
    assert "reload.failed" not in s.log()


def test_a_worker_that_asks_later_gets_the_list_too(upstream, sidecar, file):
    file.write(users=[upstream()])
    assert statuses(sidecar(file.settings), "/users/x") == {200}


def test_a_service_that_comes_goes_and_returns(upstream, sidecar, file):
    users = upstream()
    file.write()
    s = sidecar(file.settings)
    assert statuses(s, "/users/x") == {404}
    file.write(users=[users])
    eventually(lambda: statuses(s, "/users/x") == {200}, "the service")
    file.write()
    eventually(lambda: statuses(s, "/users/x") == {503}, "its end: known, but nobody there")
    file.write(users=[users])
    eventually(lambda: statuses(s, "/users/x") == {200}, "its return")


def test_reports_of_all_workers_are_added_up(upstream, sidecar, file):
    file.write(users=[upstream()])
    s = sidecar(file.settings)
    assert statuses(s, "/users/x") == {200}
    answers = []
    asking = [threading.Thread(target=lambda: answers.append(s.admin("/metrics"))) for _ in range(16)]
    for a in asking:
        a.start()
    for a in asking:
        a.join()
    assert len(answers) == 16 and all(status == 200 for status, _ in answers)
    assert all(b" %d\n" % WIDE in body for _, body in answers)


def test_a_hangup_at_the_very_end_ends_nothing_early(upstream, sidecar, file):
    file.write(users=[upstream()])
    for _ in range(5):
        s = sidecar(file.settings)
        s.process.send_signal(signal.SIGTERM)
        limit = time.monotonic() + 60
        while s.process.poll() is None:
            assert time.monotonic() < limit, "it does not end: " + s.log()[-2000:]
            s.process.send_signal(signal.SIGHUP)
            time.sleep(0.0005)  # a flood would keep a slow build from ending at all
        assert s.process.returncode == 0, s.log()[-2000:]
