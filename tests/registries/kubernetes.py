"""Kubernetes: a fake of its API server (tests/fakes/kubernetes), since no distribution has the real one; where KUBECONFIG is
set, tests/live has the same suite for what is there."""

import json
import urllib.error
import urllib.parse
import urllib.request

from .base import ROOT, Server, free_ports

PROGRAM = ROOT / "tests/fakes/kubernetes/apiserver.py"
SLICES, PODS = "/apis/discovery.k8s.io/v1/namespaces/%s/endpointslices", "/api/v1/namespaces/%s/pods"
EVERYTHING = {"user": "admin", "may": [["*", "*"]]}
# What docs/registries.md says is needed.
NEEDED = {"user": "system:serviceaccount:default:csidecar",
          "may": [["list", "endpointslices"], ["watch", "endpointslices"], ["list", "pods"], ["watch", "pods"], ["get", "pods"],
                  ["patch", "pods"]]}


def pod(name, ip="127.0.0.1", ready=True, phase="Running", annotations=None, labels=None):
    return {"metadata": {"name": name, "labels": labels or {}, "annotations": annotations or {}},
            "spec": {"containers": [{"name": "app", "image": "app"}]},
            "status": {"phase": phase, "podIP": ip,
                       "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}}


def endpoint(pod_name, ip="127.0.0.1", ready=True, zone="eu-1", **more):
    return {"addresses": [ip], "conditions": {"ready": ready, **more}, "zone": zone, "nodeName": "node-1",
            "targetRef": {"kind": "Pod", "namespace": "default", "name": pod_name}}


def endpoint_slice(name, service, endpoints, ports=(("http", 80),), kind="IPv4"):
    return {"metadata": {"name": name, "labels": {"kubernetes.io/service-name": service}}, "addressType": kind,
            "endpoints": list(endpoints), "ports": [{"name": n, "port": p, "protocol": "TCP"} for n, p in ports]}


def record(service, *nodes, version="1.0", **more):
    """go-micro's, as an annotation and the labels that belong to it."""
    text = json.dumps({"name": service, "version": version, "metadata": {}, "endpoints": [],
                       "nodes": [{"id": i, "address": a, "metadata": {"protocol": "http"}} for i, a in nodes], **more})
    return {"annotations": {"micro.mu/service-" + service: text},
            "labels": {"micro.mu/type": "service", "micro.mu/selector-" + service: "service"}}


def hostile_objects(service):
    """(resource, object), one after the other."""
    def said(text):
        found = record(service)
        found["annotations"]["micro.mu/service-" + service] = text
        return "pods", pod("x", **found)

    good = endpoint("bad-1", "127.0.0.9")

    def but(**fields):
        return "endpointslices", {**endpoint_slice("x", service, [good]), **fields}

    for text in ("", "{", "[]", "null", "7", "[" * 50000, '{"name":"%s","nodes":7}' % service, '{"name":"../x","nodes":[]}',
                 '{"name":"%s","nodes":[7,null]}' % service, '{"name":"%s","nodes":[{"id":"a","address":"nowhere"}]}' % service,
                 '{"name":"%s","nodes":[{"id":"a","address":"127.0.0.1:99999"}]}' % service,
                 '{"name":"%s","nodes":[{"id":"a","address":"127.0.0.1:1","metadata":[1]}]}' % service,
                 '{"name":"%s","x":"%s"}' % (service, "y" * 1100000), 7, {"a": 1}, None):
        yield said(text)
    yield but(addressType="FQDN")
    yield but(addressType=7)
    yield but(endpoints=7)
    yield but(endpoints=[7, None, {}, []])
    yield but(endpoints=[{**good, "addresses": []}])
    yield but(endpoints=[{**good, "addresses": ["nowhere"]}])
    yield but(endpoints=[{**good, "addresses": [7]}])
    yield but(endpoints=[{**good, "addresses": ["0.0.0.0"]}])
    yield but(endpoints=[{**good, "targetRef": {"name": "x" * 300}}])
    yield but(endpoints=[{**good, "targetRef": {"name": "a\nb"}}])
    yield but(ports=7)
    yield but(ports=[{"name": "http", "port": 70000}])
    yield but(ports=[{"name": "http", "port": "80"}])
    yield but(ports=[{"name": "http", "port": 80, "protocol": "UDP"}])
    yield but(metadata={"labels": {"kubernetes.io/service-name": "../" + service}})
    yield but(metadata={"labels": 7})


class Kubernetes(Server):
    """With one pod, `bench`, that all csidecars of a test are in. `token` may do what the docs say is needed."""

    name = "kubernetes"
    real = "fake"
    ttl_s = 3
    recovers_s = 9.0  # a watch that is silently lost is asked for anew after 3 s, and its call given up after 5 more
    spare_fds = 5  # two watches that may not be back at the first look, and what their lists leave behind
    expires = False
    node_of_its_address = True  # two records of one address are one
    cannot = {"kill -9": "a record lives as long as its pod; the kubelet says when that is not ready"}

    token = "secret"
    scheme, options = "kubernetes", ()

    @property
    def url(self):
        return "%s://127.0.0.1:%d/default?token=%s&pod=bench&watch=3s" % (self.scheme, self.port, self.token)

    @property
    def url_wrong_credentials(self):
        return self.url.replace("token=" + self.token, "token=wrong")

    @property
    def ports(self):
        return [self.port]

    def start(self):
        self.port, self.control_port = free_ports(2)
        self.run()
        self.fresh()

    def run(self):
        self.process = self.spawn(["python3", "-B", PROGRAM, "--port", self.port, "--control", self.control_port, "--data",
                                   self.folder("data") / "objects.json", *self.options], self.answers)
        self.allow("admin", EVERYTHING)
        self.allow(self.token, NEEDED)

    def answers(self):
        try:
            return self.control("stats") is not None
        except OSError:
            return False

    # ---- the API ----

    def call(self, method, path, body=None, token="admin", **fields):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path), data, method=method,
                                         headers={"Authorization": "Bearer " + token, "Content-Type": "application/json", **fields})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def control(self, what, body=None, **values):
        """apiserver.py says what there is."""
        data = b"" if body is None else json.dumps(body).encode()
        url = "http://127.0.0.1:%d/%s?%s" % (self.control_port, what, urllib.parse.urlencode(values))
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as answer:
            return json.loads(answer.read())

    def allow(self, token, user):
        self.control("token", user, secret=token)

    def set(self, path, thing, namespace="default"):
        """Made, or made anew."""
        path = path % namespace
        try:
            return self.call("POST", path, thing)
        except urllib.error.HTTPError as e:
            if e.code != 409:
                raise
            return self.call("PUT", path + "/" + thing["metadata"]["name"], thing)

    def delete(self, path, name, namespace="default"):
        return self.call("DELETE", path % namespace + "/" + name)

    def annotations(self, name="bench"):
        return self.call("GET", PODS % "default" + "/" + name)["metadata"].get("annotations") or {}

    # ---- as base.py has it ----

    def away(self):
        self.process.stop()

    def back(self):
        self.run()

    def lose_all(self):
        """The pod's object is made anew, as its kubelet does for one that it has of its own."""
        self.process.kill()
        self.empty_folder("data")
        self.run()
        self.set(PODS, pod("bench"))

    def fresh(self):
        self.control("clear")
        self.set(PODS, pod("bench"))

    def hostile(self, n, service):
        objects = list(hostile_objects(service))
        if n >= len(objects):
            return False
        resource, thing = objects[n]
        self.control("raw", thing, resource=resource, namespace="default", name="hostile-%d" % n)
        return True
