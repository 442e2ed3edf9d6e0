#!/usr/bin/env python3
"""csidecar beside HAProxy, nginx and the least a proxy must do, in one run.

  bench.py build                            compile origin, load generator and floors into build/bench
  bench.py run    [-p PROXIES] [-w LOADS]   paired bursts, then the report
  bench.py full                             all: bursts, counts, memory, scale; then the report
  bench.py counts | memory | scale          one part of that
  bench.py report                           the report of what was measured last, in Markdown
  bench.py publish                          the same into docs/performance.md, and the chart beside it
  bench.py aa                               each proxy against itself: is the method sound here, now?
  bench.py smoke                            a few seconds: all runs and answers right; counts and memory within limits

What was measured is kept in build/bench/run.json (-o): each part replaces what it measured anew.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import bursts
import counts
import memory
import publish
import report
import self_test
import smoke
from machine import BUILD, ROOT
from proxies import KINDS, csidecar_binary, keep_binary
from workloads import WORKLOADS

PROGRAMS = {"origin": ["origin.c"], "load": ["load.c", "load_options.c", "load_response.c"], "floor_raw": ["floor_raw.c"],
            "floor_pool": ["floor_pool.c"], "uv_pool": ["uv_pool.c"]}
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-I" + str(ROOT)]
LIBRARIES = ["-lm", "-luv"]
PROXIES = "csidecar,csidecar_log,haproxy,haproxy_rt,nginx,nginx_rt,nginx_big,floor_raw,floor_pool,uv_pool,direct"
COUNTED = "csidecar,haproxy,haproxy_rt,nginx,nginx_rt,floor_pool,uv_pool"
LOADS = {"run": "get128,get64k,post10k,newconn,rate20k", "counts": "get128,newconn",
         "full": "get128,get4k,get64k,get1m,chunk16k,post10k,conn1000,newconn,c1,rate5k,rate20k,lb8,lb8least,"
                 "inst1k,inst1kleast,svc1k,svc10k,w2",
         "aa": "get128,get64k,conn1000,newconn,rate20k"}
QUICK = {"run": (3, 6), "full": (4, 8), "aa": (4, 8)}  # rounds, blocks of each


def build():
    BUILD.mkdir(parents=True, exist_ok=True)
    sources = ROOT / "tests/bench"
    newest = max(f.stat().st_mtime for f in sources.glob("*.[ch]"))
    for name, files in PROGRAMS.items():
        program = BUILD / name
        if not program.exists() or program.stat().st_mtime < newest:
            compiler = os.environ.get("CC", "gcc").split()
            subprocess.run([*compiler, *FLAGS, "-o", program, *(sources / f for f in files), *LIBRARIES], check=True)


def versions(proxies):
    """Of those who are compared: "HAProxy version 2.6.12-1 ...", as they say it."""
    said = {"csidecar": [csidecar_binary(), "--version"], "haproxy": ["haproxy", "-v"], "nginx": ["nginx", "-v"]}
    return [re.match(r".*?\d[\w.+~-]*", subprocess.run(c, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout)[0]
            for name, c in said.items() if name in proxies]  # fmt: skip


class Store:
    """The file of results; parts are saved as they come, so that an end in the middle loses little."""

    def __init__(self, file):
        self.file = file
        self.run = {"bursts": {}, "counts": {}, "memory": {}, "scale": {}}
        if file.exists():
            self.run.update(json.loads(file.read_text()))

    def put(self, part, results):
        self.run[part].update(results)
        self.run.update(when=time.strftime("%F %T"), kernel=os.uname().release, command=" ".join(sys.argv))
        self.file.write_text(json.dumps(self.run))

    def clear(self):
        self.run.update(bursts={}, counts={}, memory={}, scale={})


def measure_bursts(o, store):
    bursts.run(o.proxies, o.loads, o.rounds, o.blocks, lambda results: store.put("bursts", results))


def measure_counts(o, store):
    store.put("counts", counts.calls(chosen(o.counted, KINDS), chosen(LOADS["counts"], WORKLOADS)))


def measure_memory(o, store):
    store.put("memory", memory.memory(o.proxies, o.repeats))


def measure_scale(o, store):
    sizes = [tuple(map(int, s.split("x"))) for s in o.sizes.split(",")]
    store.put("scale", memory.scale(o.proxies, sizes, o.repeats))


PARTS = {"run": [measure_bursts], "counts": [measure_counts], "memory": [measure_memory], "scale": [measure_scale],
         "full": [measure_counts, measure_memory, measure_scale, measure_bursts]}


def measure(o):
    store = Store(o.output)
    if o.command in ("run", "full"):
        store.clear()
    store.run["versions"] = versions(o.proxies)
    for part in PARTS[o.command]:
        part(o, store)
    print("\n" + report.report(store.run))


def show(o):
    print(report.report(Store(o.output).run))


def publish_it(o):
    publish.publish(Store(o.output).run)


def test_itself(o):
    if not self_test.aa(o.loads, o.rounds, o.blocks):
        sys.exit(1)


def smoke_test(o):
    if not smoke.smoke(o.proxies):
        sys.exit(1)


COMMANDS = {"build": lambda o: None, **dict.fromkeys(PARTS, measure), "report": show, "publish": publish_it, "aa": test_itself,
            "smoke": smoke_test}


def chosen(text, known):
    names = text.split(",")
    for name in names:
        if name not in known:
            sys.exit("bench.py: no %s; there are %s" % (name, ", ".join(known)))
    return names


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("-o", dest="output", type=Path, default=BUILD / "run.json")
    parser.add_argument("-p", dest="proxies", default=PROXIES)
    parser.add_argument("-w", dest="loads")
    parser.add_argument("-r", dest="rounds", type=int)
    parser.add_argument("-b", dest="blocks", type=int)
    parser.add_argument("-n", dest="repeats", type=int, default=3, help="of memory and scale")
    parser.add_argument("--counted", default=COUNTED, help="proxies whose instructions and system calls are counted")
    parser.add_argument("--sizes", default="1x8,1000x10,10000x10", help="services x instances of each")
    o = parser.parse_args()
    o.proxies = chosen(o.proxies, KINDS)
    o.loads = chosen(o.loads or LOADS.get(o.command, LOADS["run"]), WORKLOADS)
    rounds, blocks = QUICK.get(o.command, QUICK["run"])
    o.rounds, o.blocks = o.rounds or rounds, o.blocks or blocks
    return o


def main():
    o = read_options()
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))  # what was started must not be left running
    build()
    if o.command not in ("build", "report", "publish"):
        keep_binary()
    COMMANDS[o.command](o)


if __name__ == "__main__":
    main()
