"""What is asked of the proxies."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    path: str = "/b/128"
    connections: int = 32
    requests: int = 10000  # in one burst
    warm: int = 6000
    method: str = "GET"
    body: int = 0
    expected: int = None  # bytes of body in an answer
    rate: int = 0  # requests/s of an open loop; 0: closed loop
    close: bool = False  # a new connection for each request
    idle: bool = False
    origins: int = 1
    services: tuple = None  # (services, instances of each)
    least: bool = False  # least connections instead of round robin
    workers: int = 1
    cpus: frozenset = None  # where all of it runs; None: the proxy alone on one

    def changed(self, **values):
        return dataclasses.replace(self, **values)

    def path_for(self, kind):
        """/svc stands before the path where the proxy chooses the service by it."""
        if self.services:
            return "/svc%d%s" % (self.services[0] // 2, self.path)
        return kind.prefix + self.path


BOTH = frozenset({0, 1})

WORKLOADS = {w.name: w for w in [
    Workload("get128", expected=128),
    Workload("get4k", "/b/4096", requests=8000, expected=4096),
    Workload("get64k", "/b/65536", requests=2500, warm=2000, expected=65536),
    Workload("get1m", "/b/1048576", connections=8, requests=250, warm=150, expected=1048576),
    Workload("chunk16k", "/c/16384", requests=4000, warm=2000, expected=16384),
    Workload("post10k", requests=6500, warm=4000, method="POST", body=10240, expected=128),
    Workload("conn1000", connections=1000, warm=8000, expected=128),
    Workload("newconn", requests=1500, warm=600, close=True, expected=128),
    Workload("lb8", origins=8, expected=128),
    Workload("lb8least", origins=8, least=True, expected=128),
    Workload("c1", connections=1, requests=1300, warm=800, expected=128),
    Workload("rate5k", connections=64, requests=5000, warm=3000, rate=5000, expected=128),
    Workload("rate20k", connections=64, requests=12000, warm=3000, rate=20000, expected=128),
    Workload("svc1k", origins=8, services=(1000, 10), expected=128),
    Workload("svc10k", origins=8, services=(10000, 10), expected=128),
    Workload("inst1k", origins=8, services=(1, 1000), warm=12000, expected=128),
    Workload("inst1kleast", origins=8, services=(1, 1000), warm=12000, least=True, expected=128),
    Workload("w1", connections=64, cpus=BOTH, expected=128),
    Workload("w2", connections=64, cpus=BOTH, workers=2, expected=128),
]}
