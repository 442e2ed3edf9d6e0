"""A client of Consul, python-consul or py-consul as PYTHONPATH has it, that does what lines on standard input say:
[word, argument...] in JSON, answered by one line of JSON, {"is": value} or {"error": its class, "text": its words}.

    client.py PORT [TOKEN]
"""
import json
import sys

import consul

port, token = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
client = consul.Consul(host="127.0.0.1", port=port, token=token)


def service(name, options):
    index, entries = client.health.service(name, **options)
    return {"index": index, "entries": entries}


def services(options):
    index, names = client.catalog.services(**options)
    return {"index": index, "names": names}


WORDS = {
    "register": lambda name, ident, address, at, tags, ttl: client.agent.service.register(
        name, service_id=ident, address=address, port=at, tags=tags, check=consul.Check.ttl(ttl)),
    "deregister": client.agent.service.deregister,
    "pass": client.agent.check.ttl_pass,
    "warn": client.agent.check.ttl_warn,
    "fail": client.agent.check.ttl_fail,
    "maintenance": lambda ident, on: client.agent.service.maintenance(ident, "true" if on else "false"),
    "service": service,
    "services": services,
    "agent services": client.agent.services,
    "agent checks": client.agent.checks,
    "nodes": lambda: client.catalog.nodes()[1],
    "checks": lambda name: client.health.checks(name)[1],
    "state": lambda state: client.health.state(state)[1],
    "self": lambda: client.agent.self(),
    "leader": client.status.leader,
}

for line in sys.stdin:
    word, *arguments = json.loads(line)
    try:
        answer = {"is": WORDS[word](*arguments)}
    except Exception as e:  # noqa: BLE001 (the test decides)
        answer = {"error": type(e).__name__, "text": str(e)}
    print(json.dumps(answer), flush=True)
