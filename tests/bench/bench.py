#!/usr/bin/env python3
"""csidecar beside HAProxy, nginx and the least a proxy must do, in one run.

  bench.py build                            compile origin, load generator and floor into build/bench
  bench.py run    [-p PROXIES] [-w LOADS]   paired bursts, then the report; results in build/bench/run.json
  bench.py report [FILE]                    the report of an earlier run, in Markdown
  bench.py calls  [-p ...] [-w ...]         instructions and system calls of one request
  bench.py mem    [-p ...]                  memory after start and per idle connection
  bench.py scale  [--sizes 1x8,1000x10]     start and memory with many services and instances
  bench.py smoke                            a few seconds: all runs and answers right; counts within limits
"""

import argparse
import json
import os
import subprocess
import sys
import time

import bursts
import counts
import report
import smoke
from machine import BUILD, ROOT
from proxies import KINDS, csidecar_binary
from workloads import WORKLOADS

PROGRAMS = {"origin": ["origin.c"], "load": ["load.c", "load_options.c", "load_response.c"], "floor_pool": ["floor_pool.c"]}
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-I" + str(ROOT)]
DEFAULT_PROXIES = "csidecar,haproxy,nginx,floor_pool"
DEFAULT_LOADS = "get128,get64k,post10k"


def build():
    BUILD.mkdir(parents=True, exist_ok=True)
    sources = ROOT / "tests/bench"
    newest = max(f.stat().st_mtime for f in sources.glob("*.[ch]"))
    for name, files in PROGRAMS.items():
        program = BUILD / name
        if not program.exists() or program.stat().st_mtime < newest:
            compiler = os.environ.get("CC", "gcc").split()
            subprocess.run([*compiler, *FLAGS, "-o", program, *(sources / f for f in files), "-lm"], check=True)


def chosen(text, table):
    names = text.split(",")
    for name in names:
        if name not in table:
            sys.exit("bench.py: no %s; there are %s" % (name, ", ".join(table)))
    return names


def run(options):
    results = bursts.run(options.proxies, options.loads, options.rounds, options.blocks)
    options.output.write_text(json.dumps({"when": time.strftime("%F %T"), "kernel": os.uname().release, "results": results}))
    print("\n" + report.report(results))


def show(options):
    print(report.report(json.loads(options.output.read_text())["results"]))


def calls(options):
    print(report.flat_table(counts.calls(options.proxies, options.loads)))


def mem(options):
    print(report.flat_table(counts.memory(options.proxies, options.rounds)))


def scale(options):
    sizes = [tuple(map(int, s.split("x"))) for s in options.sizes.split(",")]
    print(report.flat_table(counts.scale(options.proxies, sizes)))


def smoke_test(options):
    if not smoke.smoke(options.proxies):
        sys.exit(1)


COMMANDS = {"build": lambda options: None, "run": run, "report": show, "calls": calls, "mem": mem, "scale": scale, "smoke": smoke_test}


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("output", nargs="?", type=lambda f: type(BUILD)(f), default=BUILD / "run.json")
    parser.add_argument("-p", dest="proxies", default=DEFAULT_PROXIES)
    parser.add_argument("-w", dest="loads", default=DEFAULT_LOADS)
    parser.add_argument("-r", dest="rounds", type=int, default=4)
    parser.add_argument("-b", dest="blocks", type=int, default=8)
    parser.add_argument("--sizes", default="1x8,1000x10,10000x10")
    options = parser.parse_args()
    options.proxies = chosen(options.proxies, KINDS)
    options.loads = chosen(options.loads, WORKLOADS)
    return options


def main():
    options = read_options()
    if "csidecar" in options.proxies and options.command not in ("build", "report") and not csidecar_binary().exists():
        sys.exit("bench.py: no %s: run make first, or name another in CSIDECAR" % csidecar_binary())
    build()
    COMMANDS[options.command](options)


if __name__ == "__main__":
    main()
