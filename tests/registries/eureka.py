"""Eureka: Spring Cloud's server, built by eureka-server/setup.

It keeps nothing when it ends, so it is away behind a proxy that refuses, and loses all by a restart.
"""

import base64
import contextlib
import json
import urllib.error
import urllib.parse
import urllib.request

from faults import FaultProxy

from .base import ROOT, Server, ServerError, free_port, wait_until

BUILT = ROOT / "build" / "eureka-server"
JAVA = ["java", "-Xshare:auto", "-XX:SharedArchiveFile=classes.jsa", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
        "-Xmx256m", "-cp", "eureka-server.jar:lib/*", "EurekaServer"]

# What a record is made of, beside what makes it hostile.
GOOD = {"hostName": "127.0.0.1", "ipAddr": "127.0.0.1", "status": "UP", "port": {"$": 5009, "@enabled": "true"},
        "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
        "leaseInfo": {"renewalIntervalInSecs": 60, "durationInSecs": 180}}
HOSTILE = [
    {"ipAddr": "not an address"},
    {"ipAddr": ""},
    {"ipAddr": "0.0.0.0"},
    {"hostName": "x" * 70000},
    {"port": {"$": 0, "@enabled": "true"}},
    {"port": {"$": 70000, "@enabled": "true"}},
    {"port": {"$": -1, "@enabled": "true"}},
    {"metadata": {"key%d" % n: "value" for n in range(500)}},
    {"metadata": {"huge": "x" * 300000}},
    {"metadata": {"huge": "x" * 1500000}},
    {"metadata": {"": "no key"}},
    {"metadata": {"line\nbreak": "key"}},
    {"metadata": {"instanceId": "i" * 1000, "metadata": "{}"}, "ipAddr": "127.0.0.1:5009"},
    {"metadata": {"instanceId": "deep", "metadata": "[" * 5000 + "]" * 5000}, "ipAddr": "127.0.0.1:5009"},
    {"metadata": {"instanceId": "cut", "metadata": "{\"a\":", "endpoints": "{"}, "ipAddr": "127.0.0.1:5009"},
    {"metadata": {"endpoints": "[" * 5000 + "]" * 5000, "weight": "-1", "version": "1"}},
    {"metadata": {"version": "v" * 1000}},
    {"metadata": {"version": "\u001b[31m"}},
    {"instanceId": "\u001b[2J"},
    {"status": "NONSENSE"},
]


class Eureka(Server):
    name = "eureka"
    ttl_s = 4
    heartbeat_s = 1
    sweep_s = 4.0  # evicted every half second; then seen by the next poll
    sees_s = 2.0
    recovers_s = 7.0  # its requests may take 6 s each
    options = "poll=300ms"
    path = "/eureka"
    user = "csidecar:pass-word"  # "": nobody is asked
    # A change that comes while an answer is made is not in it, and is kept from all until it expires: 180 s otherwise.
    arguments = ["--eureka.server.enable-self-preservation=false", "--eureka.server.eviction-interval-timer-in-ms=500",
                 "--eureka.server.use-read-only-response-cache=false",
                 "--eureka.server.response-cache-auto-expiration-in-seconds=1"]

    @property
    def url(self):
        user = self.user + "@" if self.user else ""
        return "eureka://%s127.0.0.1:%d%s%s" % (user, self.port, self.path, "?" + self.options if self.options else "")

    @property
    def url_wrong_credentials(self):
        return self.url.replace(self.user, "csidecar:pass-world")

    @property
    def ports(self):
        return [self.port]

    def start(self):
        if not (BUILT / "built-from").exists():
            raise ServerError("build/eureka-server is not there: tests/setup registries builds it")
        self.own_port = free_port()
        self.run()
        self.proxy = FaultProxy(self.own_port)
        self.port = self.proxy.port

    def run(self):
        more = ["--test.user=" + self.user] if self.user else []
        self.process = self.spawn([*JAVA, "--server.port=%d" % self.own_port, *self.arguments, *more],
                                  until=self.answers, folder=BUILT)

    def stop(self):
        super().stop()
        if hasattr(self, "proxy"):
            self.proxy.close()

    def away(self):
        self.proxy.set("refuse")

    def back(self):
        self.proxy.set("pass")

    def lose_all(self):
        self.process.stop()
        self.run()

    def fresh(self):
        """Everything deregisters, again until nothing is left; what can't be taken out by its id goes with a restart."""
        try:
            wait_until(self.empties, "the server to be empty", 10)
        except ServerError:
            self.lose_all()

    def empties(self):
        apps = self.apps()
        for app in apps:
            for instance in app["instance"]:
                with contextlib.suppress(urllib.error.HTTPError):
                    self.ask("DELETE", "/apps/%s/%s" % (app["name"], urllib.parse.quote(instance["instanceId"], safe="")))
        return not apps

    def ask(self, method, path, body=None):
        """The JSON of an answer, or None; urllib's HTTPError for a status that is no success."""
        request = urllib.request.Request("http://127.0.0.1:%d/eureka%s" % (self.own_port, path), method=method,
                                         headers={"Accept": "application/json", "Content-Type": "application/json"},
                                         data=json.dumps(body).encode() if body else None)
        if self.user:
            request.add_header("Authorization", "Basic " + base64.b64encode(self.user.encode()).decode())
        with self.open(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def open(self, request):
        return urllib.request.urlopen(request, timeout=5)

    def apps(self):
        return self.ask("GET", "/apps")["applications"]["application"]

    def instances(self, app):
        return [i for a in self.apps() if a["name"] == app.upper() for i in a["instance"]]

    def answers(self):
        try:
            self.apps()
            return True
        except OSError:
            return False

    def register(self, app, instance_id, **more):
        self.ask("POST", "/apps/" + app, {"instance": {"instanceId": instance_id, "app": app, **GOOD, **more}})

    def hostile(self, n, service):
        """What the server itself refuses is no worse than the rest, and written all the same."""
        if n >= len(HOSTILE):
            return False
        record = {"instanceId": "hostile-%d" % n, **HOSTILE[n]}
        try:
            self.register(service, record.pop("instanceId"), **record)
        except urllib.error.HTTPError:
            pass
        return True
