"""One line for each request, with all that a question about it may need; nothing a client sends breaks it."""

import json

import pytest

from .lib import eventually, ok, refusing, reset


def lines(s, count=1):
    def found():
        entries = [json.loads(line) for line in s.log().splitlines() if '"event":"access"' in line]
        return entries if len(entries) >= count else None

    return eventually(found, "%d lines in the access log" % count)


def logging(sidecar, **services):
    return sidecar(settings={"log": {"format": "json", "access": True}}, **services)


def test_a_line_says_it_all(upstream, sidecar):
    s = logging(sidecar, users=upstream(ok("hello")))
    answer = s.post("/users/x?y=1", body=b"1234")
    (line,) = lines(s)
    assert (line["method"], line["target"].endswith("/x?y=1"), line["status"]) == ("POST", True, 200)
    assert (line["service"], line["instance"], line["attempts"]) == ("users", answer["csidecar-instance"], 1)
    assert line["bytes_in"] == 4 and line["bytes_out"] == 5 and line["ms"] >= 0
    assert "error" not in line


def test_the_trace_is_the_one_passed_on(upstream, sidecar):
    users = upstream()
    s = logging(sidecar, users=users)
    s.get("/users/x")
    assert lines(s)[0]["trace"] == users.last["traceparent"].split("-")[1]


def test_an_error_and_why_there_was_no_retry(upstream, sidecar):
    s = logging(sidecar, users=upstream(reset), gone=refusing())
    s.post("/users/x")
    s.get("/gone/x")
    first, second = lines(s, 2)
    assert (first["error"], first["retry"], first["attempts"]) == ("upstream_reset", "not_idempotent", 1)
    assert (second["error"], second["retry"], second["attempts"]) == ("connect_failed", "retries_used_up", 3)


def test_refused_requests_have_their_line(sidecar):
    s = logging(sidecar)
    s.get("/x/y", host="evil.example")
    s.get("/x/y", "Content-Length: x")
    assert [(line["status"], line["error"]) for line in lines(s, 2)] == [(421, "misdirected"), (400, "bad_request")]


@pytest.mark.parametrize("target", ['/users/"', "/users/\\", "/users/%00%0a", "/users/\xe9", "/users/" + "t" * 5000])
@pytest.mark.parametrize("format", ["json", "text"])
def test_no_target_breaks_a_line(upstream, sidecar, target, format):
    s = sidecar(settings={"log": {"format": format}}, users=upstream())
    s.get(target)
    s.get("/users/last")
    s.wait_for_log("/last")
    access = [line for line in s.log().splitlines() if '"event":"access"' in line or " ACCESS " in line]
    assert len(access) == 2
    if format == "json":
        assert all(json.loads(line)["status"] for line in access)


def test_it_can_be_turned_off(upstream, sidecar):
    s = sidecar(settings={"log": {"access": False}}, users=upstream())
    s.get("/users/x")
    s.stop()
    assert "ACCESS" not in s.log()
