"""The proxies that are compared, each with a configuration of its own choosing but equal work.

haproxy and nginx forward everything to one group of servers; the _rt variants do what a sidecar does for
each request: choose the service by the path, take the prefix off, add X-Forwarded-For. nginx_big has its
buffers enlarged for large bodies. csidecar has all on that is on by default but the access log, which the
others do not write either; csidecar_log writes it to a file. The floors do the least that can be done: relay
bytes (floor_raw), keep connections to the origin (floor_pool), the same on libuv (uv_pool). direct is no proxy.
"""

import atexit
import dataclasses
import os
import shutil
import sys
from pathlib import Path

from machine import BUILD, ROOT


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str
    command: object  # of a Proxy: a list of words
    configure: object = None  # of a Proxy: the text of its file `config`
    prefix: str = ""
    services: bool = False  # knows the workloads with many services
    workers: bool = False
    traced_command: object = None  # under valgrind, where it differs
    counts_chunks: bool = True  # understands chunked coding
    loads: tuple = None  # the workloads it is there for; None: all

    def takes(self, workload):
        return ((self.loads is None or workload.name in self.loads) and (self.services or not workload.services) and
                (self.workers or workload.workers == 1) and (self.counts_chunks or workload.path[:3] != "/c/"))


def csidecar_binary():
    """A copy, made once: whoever builds meanwhile must not change what is measured."""
    return BUILD / ("csidecar.%d" % os.getpid())


def keep_binary():
    source = Path(os.environ.get("CSIDECAR", ROOT / "build/release/csidecar"))
    if not source.exists():
        sys.exit("bench: no %s: run make first, or name another in CSIDECAR" % source)
    shutil.copy2(source, csidecar_binary())
    atexit.register(csidecar_binary().unlink)


def csidecar_config(p, access="false"):
    def service(name, ports):
        return "  %s:\n    instances: [%s]\n" % (name, ", ".join('"127.0.0.1:%d"' % port for port in ports))

    services = {name: service(name, ports) for name, ports in groups(p)}
    return """name: bench
registry: {{ url: "static:" }}
proxy: {{ listen: ["127.0.0.1:{p.port}"], workers: {p.workers}, allowed_hosts: ["bench.local"] }}
admin: {{ listen: "127.0.0.1:{p.admin_port}" }}
defaults: {{ balancer: {balancer} }}
log: {{ level: error, access: {access} }}
state: {{ max_age: 0 }}
services:
{services}""".format(p=p, access=access, balancer="p2c" if p.workload.least else "round_robin", services="".join(services.values()))


def csidecar_logs(p):
    return csidecar_config(p, access="true")


def groups(p):
    """(service, its ports): instances share the few real origins."""
    if not p.workload.services:
        yield "svc", p.origins
        return
    services, instances = p.workload.services
    for i in range(services):
        yield "svc%d" % i, [p.origins[(i * instances + j) % len(p.origins)] for j in range(instances)]


def haproxy_backend(name, ports, rewrite):
    lines = ["backend " + name]
    lines += [r"  http-request replace-path /[^/]*(/.*) \1"] if rewrite else []
    return lines + ["  server s%d 127.0.0.1:%d" % pair for pair in enumerate(ports)]


def haproxy_config(p, route=False):
    by_path = route or p.workload.services
    lines = """global
  nbthread {p.workers}
  maxconn 9900
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
  http-reuse always
  balance {balance}
frontend local
  bind 127.0.0.1:{p.port}""".format(p=p, balance="leastconn" if p.workload.least else "roundrobin").split("\n")
    lines += ["  option forwardfor"] if route else []
    lines += ["  use_backend %[path,field(2,/)]" if by_path else "  default_backend svc"]
    for name, ports in groups(p):
        lines += haproxy_backend(name, ports, by_path)
    return "\n".join(lines) + "\n"


def nginx_upstream(name, ports, p):
    idle = max(32, 2 * len(ports)) if p.workload.services else 1024
    return "  upstream %s { %s %s keepalive %d; keepalive_requests 1000000000; keepalive_timeout 300s; keepalive_time 10h; }\n" % (
        name, "least_conn;" if p.workload.least else "", " ".join("server 127.0.0.1:%d;" % port for port in ports), idle)


def nginx_config(p, route=False, buffers=""):
    by_path = route or p.workload.services
    forwarded = 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header Connection ""; proxy_set_header Host $http_host;'
    locations = "".join(
        "    location /%s/ { %s proxy_pass http://%s/; }\n" % (name, forwarded if route else "", name) if by_path
        else "    location / { proxy_pass http://%s; }\n" % name for name, _ in groups(p))
    upstreams = "".join(nginx_upstream(name, ports, p) for name, ports in groups(p))
    return """daemon off;
pid {p.folder}/pid;
error_log {p.folder}/error.log error;
worker_processes {p.workers};
worker_rlimit_nofile 20000;
events {{ worker_connections 9000; }}
http {{
  access_log off;
  keepalive_timeout 300s; keepalive_requests 1000000000; keepalive_time 10h;
  client_body_temp_path {p.folder}/b; proxy_temp_path {p.folder}/p;
  fastcgi_temp_path {p.folder}/f; uwsgi_temp_path {p.folder}/u; scgi_temp_path {p.folder}/s;
  {buffers}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
  proxy_max_temp_file_size 0;
{upstreams}  server {{ listen 127.0.0.1:{p.port} backlog=4096;
{locations}  }}
}}
""".format(p=p, buffers=buffers, upstreams=upstreams, locations=locations)


def haproxy(p):
    return ["/usr/sbin/haproxy", "-q", "-db", "-f", p.folder / "config"]


def nginx(p):
    return ["/usr/sbin/nginx", "-e", p.folder / "error.log", "-c", p.folder / "config"]


def nginx_alone(p):
    return [*nginx(p), "-g", "master_process off;"]


def haproxy_route(p):
    return haproxy_config(p, route=True)


def nginx_route(p):
    return nginx_config(p, route=True)


def nginx_large_buffers(p):
    return nginx_config(p, buffers="proxy_buffer_size 128k; proxy_buffers 8 128k; proxy_busy_buffers_size 256k;")


def csidecar(p):
    return [csidecar_binary(), "--config", p.folder / "config"]


def program(name):
    return lambda p: [BUILD / name, p.port, *p.origins]


KINDS = {k.name: k for k in [
    Kind("csidecar", csidecar, csidecar_config, "/svc", True, True),
    Kind("csidecar_log", csidecar, csidecar_logs, "/svc", True, True, loads=("get128", "rate20k")),
    Kind("haproxy", haproxy, haproxy_config, services=True, workers=True),
    Kind("haproxy_rt", haproxy, haproxy_route, "/svc", workers=True),
    Kind("nginx", nginx, nginx_config, services=True, workers=True, traced_command=nginx_alone),
    Kind("nginx_rt", nginx, nginx_route, "/svc", workers=True, traced_command=nginx_alone),
    Kind("nginx_big", nginx, nginx_large_buffers, workers=True, traced_command=nginx_alone, loads=("get64k", "get1m", "chunk16k")),
    Kind("floor_raw", program("floor_raw")),
    Kind("floor_pool", program("floor_pool"), services=True, counts_chunks=False),
    Kind("uv_pool", program("uv_pool"), services=True, counts_chunks=False),
    Kind("direct", None, loads=("get128", "get64k", "newconn", "c1", "rate5k", "rate20k")),
]}

# A/A: the same under two names.
KINDS.update({name + "_aa": dataclasses.replace(KINDS[name], name=name + "_aa") for name in ("csidecar", "haproxy", "nginx", "floor_pool")})
