"""The real Kubernetes API server: that of KUBECONFIG's current context where that is set, else one of our own before an
etcd of our own, that tests/live/kubernetes/setup has built from its published Go modules. No node and no controller is
behind ours: what those would write (a pod's status, a service's slices) tests write themselves.

A real one takes no slice with an address of 127.0.0.0/8; what is in a pod's status or annotations it does not look at."""

import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
import uuid

import yaml
from kubernetes import client, config
from kubernetes.client.rest import ApiException

from .base import ROOT, Server, ServerError, free_port
from .certificates import make_authority, make_certificate
from .etcd import Etcd, b64
from .kubernetes import PODS, SLICES, hostile_objects

PROGRAM = ROOT / "build/live/kube-apiserver"
TOKEN_FILE = ROOT / "build/live/kubernetes.token"  # of who may do what our role for accounts says
KUBECONFIG = os.environ.get("KUBECONFIG", "")
RULES = next(yaml.safe_load_all((ROOT / "deploy/kubernetes/roles/registry.yaml").read_text()))["rules"]
READY = {"ready": True, "serving": True, "terminating": False}


def written(path, text):
    """Replaced in one step, as the kubelet does with a token."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.chmod(0o600)
    new.replace(path)
    return path


class Objects:
    """What tests put into an API server, all of it in one namespace; by Kubernetes's own client for Python."""

    namespace = "default"
    recovers_s = 9.0  # as the fake's

    @property
    def url(self):
        """The token of an account is too long for it, and stands in TOKEN_FILE."""
        return self.url_of_pod("bench")

    def url_of_pod(self, name):
        options = {"ca_file": self.client.configuration.ssl_ca_cert, "pod": name, "watch": "3s"}
        return "kubernetes+https://%s/%s?%s" % (self.address, self.namespace, urllib.parse.urlencode(options, safe="/"))

    def stop(self):
        TOKEN_FILE.unlink(missing_ok=True)
        super().stop()

    def fresh(self):
        """With one pod, `bench`, that all csidecars of a test are in."""
        self.empty()
        self.create_pod("bench", "127.0.0.1")

    def hostile(self, n, service):
        """What the fake has, as far as a real one takes it."""
        objects = list(hostile_objects(service))
        if n >= len(objects):
            return False
        resource, thing = objects[n]
        thing["metadata"] = {**thing["metadata"], "name": "hostile-%d" % n}
        if resource == "pods":
            thing["spec"]["schedulerName"] = "nobody"
        try:
            self.create_raw(PODS if resource == "pods" else SLICES, thing)
        except ApiException as e:
            if e.status not in (400, 413, 422):
                raise
        return True

    def create_raw(self, path, thing):
        self.client.call_api(path % self.namespace, "POST", body=thing, auth_settings=["BearerToken"], response_type="object",
                             header_params={"Content-Type": "application/json"})

    def connect(self, kubeconfig):
        self.client = config.new_client_from_config(str(kubeconfig))
        self.core, self.discovery = client.CoreV1Api(self.client), client.DiscoveryV1Api(self.client)
        self.rbac = client.RbacAuthorizationV1Api(self.client)

    def create_namespace(self, name):
        """With the account that a controller would make, and that pods run under."""
        self.core.create_namespace({"metadata": {"name": name}})
        self.create_default_account(name)

    def create_default_account(self, namespace):
        try:
            self.core.create_namespaced_service_account(namespace, {"metadata": {"name": "default"}})
        except ApiException as e:
            if e.status != 409:  # a controller was faster
                raise

    # ---- pods ----

    def create_pod(self, name, ip="", labels=None, annotations=None, ready=True):
        """A pod that no scheduler takes, as if it ran."""
        body = {"metadata": {"name": name, "labels": labels, "annotations": annotations},
                "spec": {"schedulerName": "nobody", "containers": [{"name": "app", "image": "none"}]}}
        self.core.create_namespaced_pod(self.namespace, body)
        return self.set_pod_status(name, ip, ready)

    def set_pod_status(self, name, ip="", ready=True, phase="Running"):
        status = {"phase": phase, "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
        if ip:
            status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
        return self.core.patch_namespaced_pod_status(name, self.namespace, {"status": status})

    def pod(self, name):
        return self.core.read_namespaced_pod(name, self.namespace)

    def delete_pod(self, name):
        self.core.delete_namespaced_pod(name, self.namespace, grace_period_seconds=0)

    # ---- slices ----

    def slice_body(self, service, name, addresses, port, conditions, port_name, labels):
        endpoints = [{"addresses": [address], "conditions": {**READY, **(conditions or {})}} for address in addresses]
        return {"metadata": {"name": name or service, "labels": {"kubernetes.io/service-name": service, **(labels or {})}},
                "addressType": "IPv6" if any(":" in a for a in addresses) else "IPv4", "endpoints": endpoints,
                "ports": [{"name": port_name, "port": port, "protocol": "TCP"}]}

    def create_endpoint_slice(self, service, addresses, port, conditions=None, name=None, port_name="", labels=None):
        body = self.slice_body(service, name, addresses, port, conditions, port_name, labels)
        return self.discovery.create_namespaced_endpoint_slice(self.namespace, body)

    def replace_endpoint_slice(self, service, addresses, port, conditions=None, name=None, port_name="", labels=None):
        body = self.slice_body(service, name, addresses, port, conditions, port_name, labels)
        return self.discovery.replace_namespaced_endpoint_slice(name or service, self.namespace, body)

    def delete_endpoint_slice(self, name):
        self.discovery.delete_namespaced_endpoint_slice(name, self.namespace)

    def empty(self):
        self.core.delete_collection_namespaced_pod(self.namespace, grace_period_seconds=0)
        self.discovery.delete_collection_namespaced_endpoint_slice(self.namespace)

    # ---- accounts ----

    def create_account(self, name, rules=RULES):
        """A service account that may do that in our namespace, and nothing else."""
        self.core.create_namespaced_service_account(self.namespace, {"metadata": {"name": name}})
        self.allow(name, rules, {"kind": "ServiceAccount", "name": name, "namespace": self.namespace})

    def allow(self, name, rules, subject):
        metadata = {"metadata": {"name": name}}
        self.rbac.create_namespaced_role(self.namespace, {**metadata, "rules": rules})
        self.rbac.create_namespaced_role_binding(self.namespace, {
            **metadata, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [subject]})

    def set_rules(self, name, rules):
        self.rbac.replace_namespaced_role(name, self.namespace, {"metadata": {"name": name}, "rules": rules})

    def delete_account(self, name):
        self.rbac.delete_namespaced_role_binding(name, self.namespace)
        self.rbac.delete_namespaced_role(name, self.namespace)
        self.core.delete_namespaced_service_account(name, self.namespace)

    def token(self, name):
        """A new one of an account; those before it stay valid."""
        body = {"spec": {"expirationSeconds": 3600}}
        return self.core.create_namespaced_service_account_token(name, self.namespace, body).status.token

    def mount(self, name):
        """The folder that a pod of the account would have: ca.crt, namespace, token. Again: a new token in it."""
        folder = self.folder("account-" + name)
        written(folder / "token", self.token(name))
        if not (folder / "namespace").exists():
            written(folder / "namespace", self.namespace)
            written(folder / "ca.crt", self.authority())
        return folder

    def revoke(self, name):
        """No token that the account had is valid any more, as soon as the server's cache of 10 s forgets it; a next
        mount() has a valid one."""
        self.core.delete_namespaced_service_account(name, self.namespace)
        self.core.create_namespaced_service_account(self.namespace, {"metadata": {"name": name}})

    def get(self, folder, path):
        """(status, JSON) of what a pod with that mount() gets; without the published client."""
        request = urllib.request.Request("https://%s%s" % (self.address, path),
                                         headers={"Authorization": "Bearer " + (folder / "token").read_text()})
        try:
            context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as e:
            return e.code, json.loads(e.read())

    def refuses(self, name):
        """Is what was last mounted for the account unauthorized?"""
        return self.get(self.folder("account-" + name), "/api/v1/namespaces/%s/pods" % self.namespace)[0] == 401

    def authority(self):
        with open(self.client.configuration.ssl_ca_cert) as file:
            return file.read()


class KubernetesLive(Objects, Server):
    """A server of its own, in an empty cluster."""

    name = "kubernetes_live" if not KUBECONFIG else ""
    real = "real"
    admin, ours = "admins-token", "our-token"  # the static ones: of the group that may do everything, of the user csidecar

    def start(self):
        if not PROGRAM.exists():
            raise ServerError("%s is not there: KUBERNETES=1 tests/setup live builds it" % PROGRAM)
        self.port, self.keys = free_port(), self.folder("keys")
        make_authority(self.keys)
        make_certificate(self.keys, "server")
        make_certificate(self.keys, "accounts", "DNS:accounts")
        written(self.keys / "tokens.csv", '%s,admin,admin,"system:masters"\n%s,csidecar,csidecar\n' % (
            self.admin, self.ours))
        written(TOKEN_FILE, self.ours)
        self.write_kubeconfig()
        self.etcd = Etcd()
        self.etcd.start()
        self.back()
        self.furnish()

    def furnish(self):
        self.create_default_account(self.namespace)
        self.allow("csidecar", RULES, {"kind": "User", "name": "csidecar"})
        self.create_pod("bench", "127.0.0.1")

    def write_kubeconfig(self):
        self.kubeconfig = written(self.folder("kubeconfig") / "config", """\
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: admin, namespace: %s}}]
clusters: [{name: test, cluster: {server: "https://%s", certificate-authority: "%s"}}]
users: [{name: admin, user: {token: "%s"}}]
""" % (self.namespace, self.address, self.keys / "ca.pem", self.admin))

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    @property
    def ports(self):
        return [self.port]

    def back(self):
        keys = self.keys
        self.process = self.spawn([
            PROGRAM, "--etcd-servers", "http://127.0.0.1:%d" % self.etcd.port, "--bind-address", "127.0.0.1",
            "--secure-port", self.port, "--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none",
            "--tls-cert-file", keys / "server.pem", "--tls-private-key-file", keys / "server.key", "--cert-dir", keys,
            "--token-auth-file", keys / "tokens.csv", "--authorization-mode", "RBAC",
            "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file",
            keys / "accounts.pem", "--service-account-signing-key-file", keys / "accounts.key",
            "--service-cluster-ip-range", "10.96.0.0/16"], self.answers)
        self.connect(self.kubeconfig)

    def answers(self):
        request = urllib.request.Request("https://%s/readyz" % self.address, headers={"Authorization": "Bearer " + self.admin})
        try:
            return urllib.request.urlopen(request, timeout=5, context=self.tls()).status == 200
        except OSError:
            return False

    def tls(self):
        return ssl.create_default_context(cafile=str(self.keys / "ca.pem"))

    def away(self):
        self.process.stop()

    def lose_all(self):
        self.process.kill()
        self.etcd.lose_all()
        self.back()
        self.furnish()

    def stop(self):
        super().stop()
        if hasattr(self, "etcd"):
            self.etcd.stop()

    # ---- etcd behind its back ----

    def compact(self):
        """etcd forgets what was before now. The API server itself remembers some of it (its watch cache), until it is
        started again."""
        revision = self.etcd.call("/kv/put", {"key": b64("/later"), "value": ""})["header"]["revision"]
        self.etcd.call("/kv/compaction", {"revision": revision, "physical": True})

    def vanish(self, resource, name):
        """Taken out of etcd: for what is gone while the API server is away, and no watch will ever tell."""
        self.etcd.call("/kv/deleterange", {"key": b64("/registry/%s/%s/%s" % (resource, self.namespace, name))})

    def forget_history(self, vanished=()):
        """Restarted, and every resourceVersion of before is 410 Gone from now on; `vanished` are (resource, name)."""
        self.away()
        for resource, name in vanished:
            self.vanish(resource, name)
        self.compact()
        self.back()


class Given(Objects, Server):
    """Somebody's: everything is done in a namespace of its own there, that is deleted in the end."""

    name = "kubernetes_live" if KUBECONFIG else ""
    real = "real"

    def start(self):
        self.kubeconfig = KUBECONFIG
        self.connect(KUBECONFIG)
        self.namespace = "csidecar-test-" + uuid.uuid4().hex[:8]
        try:
            self.create_namespace(self.namespace)
        except (ApiException, OSError) as e:
            raise ServerError("no namespace for the tests in the cluster of KUBECONFIG=%s: %s" % (KUBECONFIG, e)) from None
        self.made = True
        self.create_account("csidecar")
        TOKEN_FILE.parent.mkdir(parents=True, exist_ok=True)
        written(TOKEN_FILE, self.token("csidecar"))
        self.create_pod("bench", "127.0.0.1")

    @property
    def address(self):
        return self.client.configuration.host.split("://")[-1].rstrip("/")

    def stop(self):
        if getattr(self, "made", False):
            self.core.delete_namespace(self.namespace)
        super().stop()


def server():
    """The one to be tried."""
    return (Given if KUBECONFIG else KubernetesLive)()
