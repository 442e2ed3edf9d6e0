"""A web page in the user's browser must not be able to drive the local endpoint (docs/security.md)."""

import pytest

from .lib import Client, free_port, problem

FOREIGN = [
    ["Origin: https://evil.example"],
    ["Origin: null"],
    ["Origin: http://localhost:3000"],
    ["Origin: https://localhost"],
    ["Origin: http://localhost.evil.example"],
    ["Origin: http://evil.example", "Origin: http://localhost"],
    ["Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: same-site"],
    ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"],
]
FOREIGN_HOSTS = [
    "evil.example", "evil.example:8081", "localhost.evil.example", "10.0.0.1", "192.168.1.1:8081", "0.0.0.0:8081", "[fe80::1]", "users",
    "128.0.0.1", "127.0.0.1.evil.example",
]  # fmt: skip
OWN_HOSTS = ["localhost", "localhost:8081", "127.0.0.1", "127.0.0.1:1", "127.1.2.3", "[::1]", "[::1]:8081", "LOCALHOST"]


@pytest.mark.parametrize("fields", FOREIGN, ids=lambda f: " ".join(f))
def test_foreign_pages_are_refused(upstream, sidecar, fields):
    users = upstream()
    document = problem(sidecar(users=users).get("/users/x", *fields), 403, "forbidden_origin")
    assert "allowed_origins" in document["hint"]
    assert not users.requests


def test_a_simple_post_of_a_foreign_page_is_refused(upstream, sidecar):
    users = upstream()
    assert sidecar(users=users).post("/users/x", "Origin: https://evil.example", "Content-Type: text/plain").status == 403
    assert not users.requests


def test_private_network_preflights_are_refused(upstream, sidecar):
    users = upstream()
    fields = ["Origin: https://evil.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Private-Network: true"]
    answer = sidecar(users=users).request("/users/x", "OPTIONS", *fields)
    assert answer.status == 403 and not users.requests
    assert not any(name.lower().startswith("access-control-") for name, _ in answer.fields)


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_rebound_host_is_refused(upstream, sidecar, host):
    users = upstream()
    document = problem(sidecar(users=users).get("/users/x", host=host), 421, "misdirected")
    assert "allowed_hosts" in document["hint"]
    assert not users.requests


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_own_hosts_pass(upstream, sidecar, host):
    assert sidecar(users=upstream()).get("/users/x", host=host).status == 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_other_fetch_sites_pass(upstream, sidecar, site):
    assert sidecar(users=upstream()).get("/users/x", "Sec-Fetch-Site: " + site).status == 200


def test_a_page_of_this_endpoint_passes(upstream, sidecar):
    s = sidecar(users=upstream())
    host = "localhost:%d" % s.port
    assert s.get("/users/x", "Origin: http://" + host, host=host).status == 200


def test_the_service_field_waives_the_origin(upstream, sidecar):
    assert sidecar(users=upstream()).get("/x", "Origin: https://app.example", "csidecar-service: users").status == 200


def test_the_service_field_does_not_waive_the_host(upstream, sidecar):
    assert sidecar(users=upstream()).get("/x", "csidecar-service: users", host="evil.example").status == 421


def test_an_allowed_origin_passes(upstream, sidecar):
    s = sidecar(settings={"proxy": {"allowed_origins": ["http://localhost:3000"]}}, users=upstream())
    assert s.get("/users/x", "Origin: http://localhost:3000").status == 200
    assert s.get("/users/x", "Origin: http://localhost:3001").status == 403


@pytest.mark.parametrize("host", ["box.example", "box.example:8081", "a.sub.example"])
def test_an_allowed_host_passes(upstream, sidecar, host):
    s = sidecar(settings={"proxy": {"allowed_hosts": ["box.example", "*.sub.example"]}}, users=upstream())
    assert s.get("/users/x", host=host).status == 200
    assert s.get("/users/x", host="other.example").status == 421


def test_no_cors_fields_are_made_up(upstream, sidecar):
    s = sidecar(users=upstream())
    for answer in (s.get("/users/x"), s.get("/users/x", "Origin: https://evil.example")):
        assert not any(name.lower().startswith("access-control-") for name, _ in answer.fields)


def test_a_service_port_has_the_same_rules(upstream, sidecar):
    users, port = upstream(), free_port()
    sidecar(users={"instances": [users.address], "listen": ["127.0.0.1:%d" % port]})
    with Client(("127.0.0.1", port)) as client:
        assert client.request("/x", "GET", "Origin: https://evil.example").response().status == 403
        assert client.request("/x", host="evil.example").response().status == 421
        assert client.request("/x").response().status == 200


def test_the_proxy_form_is_judged_by_its_authority(upstream, sidecar):
    users = upstream()
    s = sidecar(users=users)
    assert s.get("http://users/x", "Origin: https://evil.example", host="users").status == 403
    assert s.get("http://users/x", host="users").status == 200


def test_a_token_is_asked_for(upstream, sidecar):
    s = sidecar(settings={"proxy": {"token": "sesame"}}, users=upstream())
    answer = s.get("/users/x")
    assert answer.status == 401 and answer["csidecar-error"] == "unauthorized"
    assert s.get("/users/x", "csidecar-token: wrong").status == 401
    assert s.get("/users/x", "csidecar-token: sesame").status == 200


def test_the_token_is_not_passed_on(upstream, sidecar):
    users = upstream()
    sidecar(settings={"proxy": {"token": "sesame"}}, users=users).get("/users/x", "csidecar-token: sesame")
    assert "csidecar-token" not in users.last
