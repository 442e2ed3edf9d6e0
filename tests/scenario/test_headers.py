"""What the upstream sees of the client and of us, and what the client sees of the upstream (docs/calling.md)."""

import re

import pytest

from .lib import ok, refusing

# ---- Host ----


def test_host_of_the_path_form_is_the_instances(upstream, sidecar):
    users = upstream()
    sidecar(users=users).get("/users/x")
    assert users.last["host"] == users.address


def test_host_of_the_header_form_is_the_instances(upstream, sidecar):
    users = upstream()
    sidecar(users=users).get("/x", "csidecar-service: users")
    assert users.last["host"] == users.address


def test_host_of_the_host_form_is_what_the_client_said(upstream, sidecar):
    users = upstream()
    sidecar(users=users).get("/x", host="users.localhost:8081")
    assert users.last["host"] == "users.localhost:8081"


@pytest.mark.parametrize("setting, host", [("instance", None), ("service", "users"), ("users.example:99", "users.example:99")])
def test_host_as_configured(upstream, sidecar, setting, host):
    users = upstream()
    sidecar(users={"instances": [users.address], "host": setting}).get("/users/x")
    assert users.last["host"] == (host or users.address)


# ---- X-Forwarded-*, Via, traceparent ----


def test_forwarded_fields_come(upstream, sidecar):
    users = upstream()
    sidecar(users=users).get("/users/x", host="localhost:8081")
    assert users.last["x-forwarded-for"] == "127.0.0.1"
    assert users.last["x-forwarded-proto"] == "http"
    assert users.last["x-forwarded-host"] == "localhost:8081"
    assert users.last["x-forwarded-prefix"] == "/users"


def test_x_forwarded_for_is_appended_to(upstream, sidecar):
    users = upstream()
    sidecar(users=users).get("/users/x", "X-Forwarded-For: 10.1.2.3", "X-Forwarded-For: 10.4.5.6")
    assert users.last["x-forwarded-for"] == "10.1.2.3, 10.4.5.6, 127.0.0.1"


def test_no_prefix_outside_the_path_form(upstream, sidecar):
    users = upstream()
    sidecar(users=users).get("/x", host="users.localhost")
    assert "x-forwarded-prefix" not in users.last


def test_via_both_ways(upstream, sidecar):
    users = upstream(ok("hi", "Via: 1.0 inner"))
    answer = sidecar(users=users).get("/users/x", "Via: 1.1 outer")
    assert re.fullmatch(r"1\.1 outer, 1\.1 csidecar\S*", ", ".join(users.last.all("via")))
    assert re.fullmatch(r"1\.0 inner, 1\.1 csidecar\S*", ", ".join(answer.all("via")))


def test_via_names_the_version_that_came(upstream, sidecar):
    users = upstream()
    sidecar(users=users).get("/users/x", version="HTTP/1.0")
    assert users.last["via"].startswith("1.0 ")


def test_a_loop_is_a_508(upstream, sidecar):
    users = upstream()
    s = sidecar(users=users)
    s.get("/users/x")
    answer = s.get("/users/x", "Via: " + users.last["via"])
    assert answer.status == 508 and answer["csidecar-error"] == "loop_detected"
    assert len(users.requests) == 1


def test_a_service_that_is_the_sidecar_itself_is_a_508(sidecar):
    s = sidecar(settings={"services": {"loop": {"instances": []}}})
    s.stop()
    s.config.write_text(s.settings.replace('"instances": []', '"instances": ["127.0.0.1:%d"]' % s.port))
    s.start()
    assert s.get("/loop/loop/loop/x").status == 508


def test_traceparent_is_made(upstream, sidecar):
    users = upstream()
    s = sidecar(users=users)
    s.get("/users/x")
    s.get("/users/x")
    first, second = (r["traceparent"] for r in users.requests)
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", first) and first != second


def test_traceparent_is_passed_on(upstream, sidecar):
    users, trace = upstream(), "4bf92f3577b34da6a3ce929d0e0e4736"
    sidecar(users=users).get("/users/x", "traceparent: 00-%s-00f067aa0ba902b7-01" % trace)
    assert users.last["traceparent"].startswith("00-%s-" % trace)


# ---- what ends at the hop ----


@pytest.mark.parametrize(
    "fields, gone",
    [
        (["Connection: keep-alive, X-Secret", "X-Secret: 1"], "x-secret"),
        (["X-Secret: 1", "Connection: x-SECRET"], "x-secret"),
        (["Connection: keep-alive", "Connection: X-Secret", "X-Secret: 1"], "x-secret"),
        (["Keep-Alive: timeout=5"], "keep-alive"),
        (["Proxy-Connection: keep-alive"], "proxy-connection"),
        (["Upgrade: h2c"], "upgrade"),
        (["TE: gzip"], "te"),
    ],
)
def test_hop_by_hop_fields_end_here_both_ways(upstream, sidecar, fields, gone):
    users = upstream(ok("hi", *fields))
    answer = sidecar(users=users).get("/users/x", *fields)
    assert gone not in users.last and gone not in answer and answer.body == b"hi"


@pytest.mark.parametrize("field", ["csidecar-timeout: 1s", "csidecar-retries: 0", "csidecar-hash: k"])
def test_our_own_request_fields_end_here(upstream, sidecar, field):
    users = upstream()
    assert sidecar(users=users).get("/users/x", field).status == 200
    assert field.split(":")[0] not in users.last


def test_idempotency_key_is_passed_on(upstream, sidecar):
    users = upstream()
    sidecar(users=users).post("/users/x", "Idempotency-Key: k1")
    assert users.last["idempotency-key"] == "k1"


def test_max_forwards_counts_down(upstream, sidecar):
    users = upstream()
    assert sidecar(users=users).request("/users/x", "OPTIONS", "Max-Forwards: 5").status == 200
    assert users.last["max-forwards"] == "4"


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_max_forwards_zero_is_answered_here(upstream, sidecar, method):
    users = upstream()
    assert sidecar(users=users).request("/users/x", method, "Max-Forwards: 0").status in (200, 204, 405)
    assert not users.requests


def test_end_to_end_fields_pass(upstream, sidecar):
    fields = ["Authorization: Basic eA==", "Cookie: a=1; b=2", "User-Agent: t", "Accept: */*", "If-None-Match: x", "Range: bytes=0-1"]
    users = upstream()
    sidecar(users=users).get("/users/x", *fields)
    for name, value in (f.split(": ", 1) for f in fields):
        assert users.last[name] == value


def test_end_to_end_answer_fields_pass(upstream, sidecar):
    fields = ["Server: t", "Date: Thu, 01 Jan 1970 00:00:00 GMT", "Content-Type: text/x", "ETag: y", "Content-Encoding: gzip", "Vary: A"]
    answer = sidecar(users=upstream(ok("hi", *fields))).get("/users/x")
    for name, value in (f.split(": ", 1) for f in fields):
        assert answer[name] == value


# ---- what we say of ourselves ----


def test_the_answer_names_instance_and_attempts(upstream, sidecar):
    users = upstream()
    answer = sidecar(users=users).get("/users/x")
    assert answer["csidecar-attempts"] == "1" and answer["csidecar-instance"]
    assert "csidecar-error" not in answer


def test_an_instance_may_be_asked_for(upstream, sidecar):
    a, b = upstream(ok("a")), upstream(ok("b"))
    s = sidecar(users=[a, b])
    first = s.get("/users/x")
    again = [s.get("/users/x", "csidecar-instance: " + first["csidecar-instance"]).body for _ in range(6)]
    assert set(again) == {first.body}


def test_problem_documents_tell_of_the_instances(sidecar):
    document = sidecar(users=[refusing(), refusing()]).get("/users/x").json()
    assert document["service"] == "users" and document["instances"]["known"] == 2


# ---- Location and cookies ----

REWRITTEN = [
    ("Location", "/login?next=/x", "/users/login?next=/x"),
    ("Location", "http://ADDRESS/login", "/users/login"),
    ("Content-Location", "/x/1", "/users/x/1"),
    ("Set-Cookie", "a=b; Path=/", "a=b; Path=/users/"),
    ("Set-Cookie", "a=b; HttpOnly; path=/sub; Secure", "a=b; HttpOnly; path=/users/sub; Secure"),
]
UNTOUCHED = [
    ("Location", "https://other.test/login"),
    ("Location", "http://other.test/login"),
    ("Location", "//other.test/login"),
    ("Location", "relative/login"),
    ("Location", "?page=2"),
    ("Location", "mailto:a@b"),
    ("Set-Cookie", "a=b"),
    ("Set-Cookie", "a=b; Secure; HttpOnly"),
    ("X-Other", "/login"),
]


def answer_of(upstream, sidecar, name, value, target="/users/x", **settings):
    users = upstream()
    users.answers = (ok("", "%s: %s" % (name, value.replace("ADDRESS", users.address)), status="302 Found"),)
    s = sidecar(users={"instances": [users.address], **settings})
    return s, s.get(target)


@pytest.mark.parametrize("name, value, expected", REWRITTEN)
def test_the_prefix_is_put_back(upstream, sidecar, name, value, expected):
    s, answer = answer_of(upstream, sidecar, name, value)
    # A whole URL may come back as one to this endpoint, or as its path alone.
    got = answer[name].replace("http://localhost", "")
    assert got.rstrip("/").lower() == expected.rstrip("/").lower(), answer


@pytest.mark.parametrize("name, value", UNTOUCHED)
def test_what_does_not_point_here_is_left_alone(upstream, sidecar, name, value):
    _, answer = answer_of(upstream, sidecar, name, value)
    assert answer[name] == value


@pytest.mark.parametrize("name, value", [("Location", "/login"), ("Set-Cookie", "a=b; Path=/")])
def test_rewriting_can_be_turned_off(upstream, sidecar, name, value):
    _, answer = answer_of(upstream, sidecar, name, value, rewrite="off")
    assert answer[name] == value


def test_nothing_is_rewritten_in_the_header_form(upstream, sidecar):
    users = upstream(ok("", "Location: /login", status="302 Found"))
    assert sidecar(users=users).get("/x", "csidecar-service: users")["location"] == "/login"


def test_two_cookies_stay_two(upstream, sidecar):
    users = upstream(ok("", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Path=/b"))
    cookies = sidecar(users=users).get("/users/x").all("set-cookie")
    assert [c.split(";")[0] for c in cookies] == ["a=1", "b=2"]
