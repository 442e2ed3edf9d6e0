"""The admin port: states, what is known, records kept for others, and who may ask."""

import contextlib
import http.client
import json
import re

import pytest

from .lib import PATIENCE, eventually, free_port, refusing, reset


def call(sidecar, target, method="GET", body=None, headers=None, port=None):
    """(status, headers, body) of the admin port, or of another."""
    connection = http.client.HTTPConnection("127.0.0.1", port or sidecar.admin_port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request(method, target, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def get(sidecar, target, **more):
    status, _, body = call(sidecar, target, **more)
    assert status == 200, (status, body)
    return json.loads(body)


def status(sidecar, target, *more, **headers):
    return call(sidecar, target, *more, headers={k.replace("_", "-"): v for k, v in headers.items()})[0]


LOCAL = {"registry": {"url": "local"}}


# ---- states ----


def test_a_sidecar_without_an_app_is_ready_at_once(sidecar):
    s = sidecar()
    assert [status(s, path) for path in ("/live", "/ready", "/startup")] == [200, 200, 200]


def test_is_not_ready_and_says_why_while_its_app_does_not_answer(sidecar):
    s = sidecar(settings={"name": "web", "app": {"port": free_port()}, **LOCAL})
    code, _, body = call(s, "/ready")
    assert code == 503 and body.startswith(b"app web is waiting: ")
    assert status(s, "/live") == status(s, "/startup") == 200


def test_becomes_ready_with_its_app(sidecar, upstream):
    s = sidecar(settings={"name": "web", "app": {"port": upstream().port}, **LOCAL})
    eventually(lambda: status(s, "/ready") == 200, "/ready")
    health = get(s, "/health")
    [app], [registry] = health["apps"], health["registries"]
    assert (registry["url"], registry["reachable"], registry["error"]) == ("local", True, "")
    assert app["state"] == "registered" and set(app["check"]["history"]) == {"."}


def test_is_not_ready_while_it_drains(sidecar):
    s = sidecar(settings={"drain": {"settle": "5s"}, **LOCAL})
    assert status(s, "/drain", "POST") == 202
    code, _, body = call(s, "/ready")
    assert code == 503 and body.startswith(b"shutting down: ")
    assert status(s, "/live") == 200


def test_head_is_answered_without_a_body(sidecar):
    code, headers, body = call(sidecar(), "/services", "HEAD")
    assert (code, body) == (200, b"") and int(headers["content-length"]) > 0


@pytest.mark.parametrize("target, method, code", [("/nope", "GET", 404), ("/drain", "GET", 405), ("/stats", "POST", 405),
                                                  ("/services/", "GET", 404), ("/services/%zz", "GET", 400),
                                                  ("/services/_x", "GET", 404)])
def test_what_is_not_there_is_a_problem(sidecar, target, method, code):
    answer, headers, body = call(sidecar(), target, method)
    assert answer == code and headers["content-type"] == "application/problem+json"
    assert json.loads(body)["status"] == code
    assert code != 405 or headers["allow"]


# ---- who may ask ----


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Origin": "http://localhost:3000"},
                                     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                                     {"Access-Control-Request-Private-Network": "true"}], ids=str)
def test_pages_of_other_origins_are_refused(sidecar, headers):
    s = sidecar()
    for target, method in (("/stats", "GET"), ("/drain", "POST"), ("/live", "GET")):
        assert call(s, target, method, headers=headers)[0] == 403


def test_a_name_that_was_rebound_to_us_is_refused(sidecar):
    s = sidecar()
    assert status(s, "/services", Host="evil.example") == 421
    assert status(s, "/services", Host="localhost:%d" % s.admin_port) == 200


def test_our_own_page_may_ask(sidecar):
    s = sidecar()
    assert status(s, "/stats", Origin="http://127.0.0.1:%d" % s.admin_port, Sec_Fetch_Site="same-origin") == 200


def test_asks_for_the_token_but_for_the_probes_and_the_page(sidecar):
    s = sidecar(settings={"admin": {"token": "hush"}})
    assert status(s, "/stats") == status(s, "/metrics") == status(s, "/stats", csidecar_token="wrong") == 401
    assert status(s, "/stats", csidecar_token="hush") == status(s, "/stats", Authorization="Bearer hush") == 200
    assert status(s, "/stats", Authorization="Bearer ") == status(s, "/drain", "POST", Authorization="Basic hush") == 401
    assert [status(s, path) for path in ("/live", "/ready", "/startup", "/")] == [200] * 4
    assert b"hush" not in call(s, "/config", headers={"csidecar-token": "hush"})[2]


def test_the_probes_port_has_the_probes_alone(sidecar):
    port = free_port()
    s = sidecar(settings={"probes": {"listen": "127.0.0.1:%d" % port}, "admin": {"token": "hush"}})
    eventually(lambda: call(s, "/ready", port=port)[0] == 200, "it to be ready")
    assert [call(s, path, port=port, headers={"Host": "10.0.0.7"})[0] for path in ("/live", "/ready", "/startup")] == [200] * 3
    assert [call(s, path, port=port)[0] for path in ("/metrics", "/stats", "/", "/config")] == [404] * 4
    assert call(s, "/drain", "POST", port=port)[0] == 404


def test_the_probes_port_has_metrics_where_asked(sidecar):
    port = free_port()
    s = sidecar(settings={"probes": {"listen": "127.0.0.1:%d" % port, "metrics": True}})
    assert call(s, "/metrics", port=port)[0] == 200


# ---- what is known ----


def test_lists_services_with_their_instances(sidecar):
    s = sidecar(users=["127.0.0.1:5001", "127.0.0.1:5002"], orders="127.0.0.1:5003")
    all_of = {e["name"]: [i["address"] for i in e["instances"]] for e in get(s, "/services")["services"]}
    assert all_of == {"users": ["127.0.0.1:5001", "127.0.0.1:5002"], "orders": ["127.0.0.1:5003"]}


def test_one_service_or_a_404(sidecar):
    s = sidecar(users="127.0.0.1:5001")
    assert get(s, "/services/users")["instances"][0]["address"] == "127.0.0.1:5001"
    code, _, body = call(s, "/services/nobody")
    assert (code, json.loads(body)["code"]) == (404, "no_such_service")


def test_what_is_asked_in_a_row_is_answered_in_a_row(sidecar, client):
    s = sidecar(users="127.0.0.1:5001", orders="127.0.0.1:5002")
    c = client(("127.0.0.1", s.admin_port))
    for name in ("users", "orders", "users", "nobody"):
        c.request("/services/" + name)
    assert [c.response().status for _ in range(4)] == [200, 200, 200, 404]


def register(s, name="extra", address="127.0.0.1:7", **more):
    return call(s, "/register", "POST", json.dumps({"name": name, "address": address, **more}))


def test_a_watch_tells_of_each_change(sidecar, client):
    s = sidecar(settings=LOCAL)
    c = client(("127.0.0.1", s.admin_port))
    assert c.request("/services?watch=1").response_head()["content-type"] == "application/jsonl"
    lines = iter(lambda: json.loads(c.read_chunk()), None)
    assert register(s, id="e1")[0] == 201
    seen = next(line for line in lines if line["instances"])
    assert (seen["name"], seen["instances"][0]["id"]) == ("extra", "e1")
    assert status(s, "/register/e1", "DELETE") == 200
    assert next(line for line in lines if not line["instances"])["name"] == "extra"


def test_a_watch_of_one_service_hears_of_no_other(sidecar, client):
    s = sidecar(settings=LOCAL)
    c = client(("127.0.0.1", s.admin_port))
    c.request("/services/mine?watch=1").response_head()
    assert register(s, "other")[0] == register(s, "mine")[0] == 201
    names = set()
    while "mine" not in names or not instances:
        line = json.loads(c.read_chunk())
        names.add(line["name"])
        instances = line["instances"]
    assert names == {"mine"}


def test_a_watcher_that_leaves_harms_nobody(sidecar, client):
    s = sidecar(settings=LOCAL)
    for _ in range(20):
        with client(("127.0.0.1", s.admin_port)) as c:
            c.request("/services?watch=1").response_head()
    assert register(s)[0] == 201
    assert get(s, "/services/extra")["instances"]


def test_pools_and_stats_tell_what_calls_did(sidecar, upstream):
    s = sidecar(users=[upstream(), upstream()])
    for _ in range(10):
        assert s.get("/users/").status == 200
    assert s.get("/nobody/").status == 404
    stats = {e["name"]: e for e in get(s, "/stats")["services"]}
    assert stats["users"]["classes"]["2xx"] == stats["users"]["attempts"] == 10
    assert stats["nobody"]["errors"] == {"no_such_service": 1}
    [pool] = [p for p in get(s, "/pools")["services"] if p["name"] == "users"]
    assert sum(i["requests"] for i in pool["instances"]) == 10
    assert sum(i["idle"] for i in pool["instances"]) == stats["users"]["connects"]


def test_the_page_needs_nothing_from_outside(sidecar):
    code, headers, body = call(sidecar(), "/")
    assert code == 200 and headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert not re.search(rb'(src|href)="(https?:)?//', body) and b"@import" not in body


# ---- explain ----


def test_explains_where_a_call_would_go(sidecar):
    s = sidecar(users={"instances": ["127.0.0.1:5001", "127.0.0.1:5002"], "balancer": "round_robin", "timeout": "3s"})
    e = get(s, "/explain?service=users")
    assert e["verdict"] == "a call would go to one of 2 instances: one after another, by weight"
    assert e["policy"]["timeout"] == "3s" and e["balancer"]["kind"] == "round_robin"
    assert [i["state"] for i in e["instances"]] == ["up", "up"]
    assert e["registries"][0]["instances"] == 2


def test_explains_an_ejected_instance(sidecar, upstream):
    bad, good = upstream(reset), upstream()
    s = sidecar(users={"instances": [bad, good], "balancer": "round_robin", "outlier": {"failures": 2}})
    for _ in range(6):
        s.get("/users/")
    e = get(s, "/explain?service=users")
    state = {i["address"]: i for i in e["instances"]}
    assert state[bad.address]["state"] == "ejected" and 0 < state[bad.address]["rest_left_ms"] <= 30000
    assert not state[bad.address]["takes_calls"] and state[good.address]["takes_calls"]
    assert "one of 1 instance:" in e["verdict"] and any("1 ejected" in line for line in e["because"])


@pytest.mark.parametrize("name, code", [("nobody", "404 no_such_service"), ("empty", "503 no_instance")])
def test_explains_why_a_call_would_fail(sidecar, name, code):
    s = sidecar(settings=LOCAL)
    if name == "empty":
        register(s, "empty", id="e")
        assert get(s, "/services/empty")["instances"]
        call(s, "/register/e", "DELETE")
        eventually(lambda: not get(s, "/services/empty")["instances"], "an empty list")
    assert get(s, "/explain?service=" + name)["verdict"].startswith("a call would be answered " + code)
    assert s.get("/%s/" % name)["csidecar-error"] == code.split()[1]


def test_explain_asks_for_a_name(sidecar):
    s = sidecar()
    assert status(s, "/explain") == status(s, "/explain?service=") == status(s, "/explain?service=_x") == 400


# ---- records for others ----


def test_keeps_a_record_for_another(sidecar):
    s = sidecar(settings=LOCAL)
    code, _, body = register(s, metadata={"zone": "eu"}, version="2", weight=3)
    kept = json.loads(body)
    assert code == 201 and kept["held"] and kept["registries"] == {"local": "held"}
    [seen] = get(s, "/services/extra")["instances"]
    assert (seen["id"], seen["metadata"], seen["version"], seen["weight"]) == (kept["id"], {"zone": "eu"}, "2", 3)
    assert [r["id"] for r in get(s, "/register")["registrations"]] == [kept["id"]]


def test_calls_reach_a_record_kept_for_another(sidecar, upstream):
    s, u = sidecar(settings=LOCAL), upstream()
    register(s, address=u.address)
    assert s.get("/extra/x").status == 200 and u.last.target == "/x"


@pytest.mark.parametrize("body, says", [
    ("", ""), ("[]", "not a map"), ("{", ""), ('{"name": "x"}', "no address"), ('{"address": "127.0.0.1:1"}', "name must be"),
    ('{"name": "_x", "address": "127.0.0.1:1"}', "name must be"), ('{"name": "x", "address": "nohost"}', "address"),
    ('{"name": "x", "address": "127.0.0.1:1", "weight": 0}', "weight"),
    ('{"name": "x", "address": "127.0.0.1:1", "metadata": {"a": 1}}', "metadata")])
def test_a_record_that_is_wrong_is_refused(sidecar, body, says):
    s = sidecar(settings=LOCAL)
    code, _, answer = call(s, "/register", "POST", body)
    assert code == 400 and says in json.loads(answer)["detail"]
    assert get(s, "/register") == {"registrations": []}


def test_an_id_is_kept_once(sidecar):
    s = sidecar(settings=LOCAL)
    assert [register(s, id="a")[0], register(s, id="a")[0]] == [201, 409]


def test_no_record_where_no_registry_can_be_written_to(sidecar):
    code, _, body = register(sidecar())
    assert code == 400 and "can be written" in json.loads(body)["detail"]


def test_deletes_only_what_it_keeps(sidecar):
    s = sidecar(settings=LOCAL)
    register(s, id="a/b c")
    assert status(s, "/register/nobody", "DELETE") == 404
    assert status(s, "/register/a%2Fb%20c?service=other", "DELETE") == 404
    assert status(s, "/register/a%2Fb%20c?service=extra", "DELETE") == 200
    eventually(lambda: status(s, "/services/extra") == 404 or not get(s, "/services/extra")["instances"], "it to go")


def test_records_go_with_the_sidecar(sidecar):
    first, second = sidecar(settings=LOCAL), None
    second = sidecar(settings=LOCAL, environment={"XDG_RUNTIME_DIR": first.environment["XDG_RUNTIME_DIR"]})
    register(first)
    eventually(lambda: get(second, "/services/extra")["instances"], "the record")
    first.stop()
    eventually(lambda: not get(second, "/services/extra")["instances"], "it to go")


def test_a_call_to_nowhere_shows_in_the_pools(sidecar):
    s = sidecar(users=refusing())
    assert s.get("/users/").status == 502
    [pool] = [p for p in get(s, "/pools")["services"] if p["name"] == "users"]
    assert pool["instances"][0]["failures"] > 0


def test_a_link_elsewhere_may_lead_to_the_page_but_no_further(sidecar):
    s = sidecar()
    assert [status(s, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate") for path in ("/", "/stats")] == [200, 403]


def test_a_reason_that_is_no_utf_8_is_told_all_the_same(sidecar, upstream):
    u = upstream(b"HTTP/1.1 500 a\xffb\r\nContent-Length: 0\r\n\r\n")
    s = sidecar(settings={"name": "web", "app": {"port": u.port}, **LOCAL})
    eventually(lambda: get(s, "/health")["apps"][0]["check"]["result"] == "status", "a check")
    s.config.write_bytes(b"name: \xff\xfe")
    code, _, body = call(s, "/reload", "POST")
    assert code == 409 and "csidecar.yaml:1:" in json.loads(body)["detail"]


def test_a_watch_by_head_ends(sidecar):
    code, _, body = call(sidecar(users="127.0.0.1:5001"), "/services?watch=1", "HEAD")
    assert (code, body) == (200, b"")


def test_a_thousand_services_are_listed_in_time(sidecar):
    s = sidecar(settings={"services": {"s%04d" % i: {"instances": ["127.0.0.1:5001"]} for i in range(1000)}})
    assert len(get(s, "/services")["services"]) == 1000


def test_what_was_done_is_seen_at_once(sidecar):
    s = sidecar(settings=LOCAL)
    status(s, "/services/extra")  # from here on it is watched
    for i in range(5):
        assert register(s, id="e%d" % i)[0] == 201
        assert [x["id"] for x in get(s, "/services/extra")["instances"]] == ["e%d" % i]
        assert status(s, "/register/e%d" % i, "DELETE") == 200
        assert status(s, "/services/extra") == 404 or not get(s, "/services/extra")["instances"]
