#!/usr/bin/env python3
"""Runs the server of one registry for a test in C: serve.py NAME (tests/lib/discovery/served.h).

Starts it, says

    url <URL>
    can <words: away, lose, hostile, publish>

and obeys lines on standard input, each answered by one line, "ok [text]", "no" or "error <text>":

    fresh | away | back | lose | hostile N SERVICE | publish SERVICE JSON

Ends, and the server with it, when standard input does. What is worth reading about an error goes to standard error.
"""
import json
import signal
import sys
import traceback
from pathlib import Path

# Not this folder: its modules are called as the client libraries are (etcd, nats, consul).
sys.path[0] = str(Path(__file__).resolve().parents[1])
from registries.base import server_class  # noqa: E402

WORDS = {"away": "away", "lose": "lose_all", "hostile": "hostile", "publish": "publish"}


def say(line):
    print(line.replace("\n", " "), flush=True)


def obey(server, line):
    """The answer to one line."""
    word, _, rest = line.partition(" ")
    if word in ("fresh", "away", "back"):
        getattr(server, word)()
    elif word == "lose":
        server.lose_all()
    elif word == "hostile":
        n, service = rest.split(" ", 1)
        return "ok" if server.hostile(int(n), service) else "no"
    elif word == "publish":
        service, text = rest.split(" ", 1)
        server.publish(service, json.loads(text))
    else:
        return "error no such word: %s" % word
    return "ok"


def answer(server, line):
    try:
        return obey(server, line)
    except Exception as e:  # noqa: BLE001 (the test in C decides)
        traceback.print_exc()
        return "error %s" % (str(e) or type(e).__name__)


def main(name):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: the test's end ends us
    try:
        server = server_class(name)().__enter__()
    except Exception as e:  # noqa: BLE001
        traceback.print_exc()
        say("error %s" % (str(e) or type(e).__name__))
        return 1
    try:
        say("url " + server.url)
        say("can " + " ".join(word for word, method in WORDS.items() if server.can(method)))
        for line in sys.stdin:
            say(answer(server, line.rstrip("\n")))
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
