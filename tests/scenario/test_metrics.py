"""/metrics: what a Prometheus makes of it."""

import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .lib import eventually, refusing, reset


def scrape(sidecar):
    """{(name, labels): value}; parsed as strictly as the client library does."""
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % sidecar.admin_port) as answer:
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    names = [f.name for f in families]
    assert len(names) == len(set(names)), "a family stands in one piece"
    assert all(f.type != "unknown" and f.documentation for f in families)
    samples = [(s.name, frozenset(s.labels.items()), s.value) for f in families for s in f.samples]
    assert len({s[:2] for s in samples}) == len(samples), "no series stands twice"
    return {s[:2]: s[2] for s in samples}


def value(metrics, name, **labels):
    """The sum of the series that have these labels."""
    found = [v for (n, l), v in metrics.items() if n == name and frozenset(labels.items()) <= l]
    assert found, (name, labels)
    return sum(found)


def labels_of(metrics, name, label):
    return {dict(l)[label] for (n, l) in metrics if n == name and label in dict(l)}


def test_a_fresh_one_says_who_it_is(sidecar):
    m = scrape(sidecar())
    assert value(m, "csidecar_build_info") == 1 and value(m, "csidecar_ready") == 1
    assert value(m, "process_resident_memory_bytes") > 1e6 and value(m, "process_open_fds") > 5
    assert value(m, "process_start_time_seconds") > 1e9 and value(m, "process_max_fds") > 0


def test_counts_requests_by_service_and_class(sidecar, upstream):
    s = sidecar(users=[upstream()], orders=[upstream()])
    for _ in range(3):
        s.get("/users/")
    s.post("/orders/", body=b"12345")
    m = scrape(s)
    assert value(m, "csidecar_requests_total", service="users", **{"class": "2xx"}) == 3
    assert value(m, "csidecar_request_duration_seconds_count", service="users") == 3
    assert value(m, "csidecar_request_duration_seconds_bucket", service="users", le="+Inf") == 3
    assert value(m, "csidecar_request_body_bytes_total", service="orders") == 5
    assert value(m, "csidecar_instances", service="users", state="up") == 1
    assert value(m, "csidecar_upstream_connects_total", service="users") + \
        value(m, "csidecar_upstream_reuses_total", service="users") == 3


def test_counts_errors_by_code_and_ejections(sidecar, upstream):
    s = sidecar(users={"instances": [upstream(reset), upstream()], "balancer": "round_robin", "outlier": {"failures": 2}},
                gone=refusing())
    for _ in range(8):
        s.get("/users/")
    s.get("/gone/")
    m = scrape(s)
    assert value(m, "csidecar_ejections_total", service="users") == 1
    assert value(m, "csidecar_retries_total", service="users") >= 2
    assert value(m, "csidecar_instances", service="users", state="ejected") == 1
    assert value(m, "csidecar_errors_total", service="gone", code="connect_failed") == 1


def test_names_that_no_registry_knows_make_no_series(sidecar):
    s = sidecar(users="127.0.0.1:5001")
    for i in range(30):
        assert s.get("/nobody%d/" % i).status == 404
    s.get("/")
    m = scrape(s)
    assert labels_of(m, "csidecar_requests_total", "service") <= {"users", "_unknown", "_none"}
    assert value(m, "csidecar_errors_total", service="_unknown", code="no_such_service") == 30
    assert value(m, "csidecar_errors_total", service="_none", code="no_route") == 1


def test_the_histogram_grows_from_bucket_to_bucket(sidecar, upstream):
    s = sidecar(users=upstream())
    for _ in range(5):
        s.get("/users/")
    m = scrape(s)
    buckets = sorted((float(dict(l)["le"]), v) for (n, l), v in m.items()
                     if n.endswith("_duration_seconds_bucket") and dict(l)["service"] == "users")
    counts = [v for _, v in buckets]
    assert counts == sorted(counts) and counts[-1] == 5 and len(buckets) == 14


def test_tells_of_apps_and_registries(sidecar, upstream):
    s = sidecar(settings={"name": "web", "app": {"port": upstream().port}, "registry": {"url": "local"}})
    eventually(lambda: value(scrape(s), "csidecar_ready") == 1, "the app")
    m = scrape(s)
    assert value(m, "csidecar_app_up", app="web") == value(m, "csidecar_app_registered", app="web") == 1
    assert value(m, "csidecar_registry_up", registry="local") == 1
    assert value(m, "csidecar_registry_failures_total", registry="local") == 0


def test_counts_reloads(sidecar):
    s = sidecar()
    assert s.admin("/reload", "POST")[0] == 200
    s.config.write_text("nonsense: true")
    assert s.admin("/reload", "POST")[0] == 409
    m = scrape(s)
    assert value(m, "csidecar_reloads_total", result="done") == value(m, "csidecar_reloads_total", result="failed") == 1


@pytest.mark.threads
def test_workers_are_added_up(sidecar, upstream):
    s = sidecar(users=upstream(), settings={"proxy": {"workers": 3}})
    for _ in range(30):
        s.get("/users/")
    assert value(scrape(s), "csidecar_requests_total", service="users") == 30
