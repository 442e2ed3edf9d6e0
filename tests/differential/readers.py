"""Two readers of HTTP that have nothing in common: llhttp (Node's, see read_llhttp.js) and h11 (Python's).

Both answer a Reading: the requests they found, whole ones only, and how it ended.
"""

import json
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import h11

CLEAN, PARTIAL = "clean", "partial"  # between requests, inside one; anything else is an error's name
LIMIT = 1 << 22


@dataclass
class Reading:
    requests: list = field(default_factory=list)  # (method, target, ((name, value), ...), body, ((trailer, value), ...), version)
    end: str = CLEAN

    @property
    def refused(self):
        return self.end not in (CLEAN, PARTIAL)


def pairs(flat):
    return tuple((n.lower(), v) for n, v in zip(flat[::2], flat[1::2]))


def read_llhttp(items):
    """A Reading for each of them, by one process."""
    given = b"".join(struct.pack(">I", len(b)) + b for b in items)
    script = Path(__file__).with_name("read_llhttp.js")
    done = subprocess.run(["node", "--no-warnings", str(script)], input=given, stdout=subprocess.PIPE, check=True)
    said = [json.loads(line) for line in done.stdout.split(b"\n")]
    assert len(said) == len(items)
    return [Reading([(m, t, pairs(f), b, pairs(x), v) for m, t, f, b, x, v in s["messages"]], s["end"]) for s in said]


def text(data):
    return bytes(data).decode("latin1")


def headers(items):
    return tuple((text(n), text(v)) for n, v in items)


def read_one_h11(data):
    """(request or None, rest, end). A connection for each request: what the answer would do to it is not asked."""
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMIT)
    reader.receive_data(data)
    head, body = None, b""
    try:
        while True:
            event = reader.next_event()
            if event is h11.NEED_DATA:
                inside = head is not None or data.strip(b"\r\n")
                return None, b"", PARTIAL if inside else CLEAN
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found = (text(head.method), text(head.target), headers(head.headers), text(body), headers(event.headers), text(head.http_version))
                return found, bytes(reader.trailing_data[0]), CLEAN
    except h11.RemoteProtocolError as e:
        return None, b"", "h11: %s" % e


def read_h11(data):
    reading = Reading()
    while data:
        found, data, reading.end = read_one_h11(data)
        if found:
            reading.requests.append(found)
    return reading
