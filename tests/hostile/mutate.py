"""Cases nobody thought of: bytes of the corpus changed at random. Same seed, same cases.

    python3 -m tests.hostile.mutate [--target T] [--seed N] [--count N]

Whatever was sent, what the proxy passes on must stand the audit, and the proxy must live.
"""

import argparse
import random
import sys

from . import corpus
from .case import NORMALISE, Request, Response
from .run import run_now

SPICE = (
    b"\x00", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b",", b";", b"0", b"\xff", b"chunked", b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"HTTP/1.1", b"GET /svc/y HTTP/1.1\r\nHost: localhost\r\n\r\n",
)  # fmt: skip


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(data) + 1)
        how = rng.randrange(4)
        if how == 0:
            data[at:at] = rng.choice(SPICE)
        elif how == 1 and data:
            del data[at : at + rng.choice((1, 1, 2, 5, 20))]
        elif how == 2 and at < len(data):
            data[at] = rng.randrange(256)
        else:
            other = rng.randrange(len(data) + 1)
            data[at:at] = data[other : other + rng.choice((1, 4, 30))]
    return bytes(data)


def cases(rng, count):
    """Two requests for every answer; short ones, since those are where the parsing is."""
    requests = [c.send for c in corpus.REQUESTS if len(c.send) < 2000]
    answers = [c.answer for c in corpus.RESPONSES if all(isinstance(s, bytes) and len(s) < 2000 for s in c.answer)]
    for i in range(count):
        if i % 3:
            yield Request("mutant-%d" % i, mutate(rng, rng.choice(requests)), NORMALISE, "whatever came", answers=99)
        else:
            answer = mutate(rng, b"".join(rng.choice(answers)))
            # What is left over on a connection may never be used again, so none is reused here.
            yield Response("mutant-%d" % i, (answer, 0.02, "close"), NORMALISE, "whatever came")


def main():
    parser = argparse.ArgumentParser(prog="tests.hostile.mutate", description=__doc__)
    parser.add_argument("--target", default="csidecar")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=900)
    options = parser.parse_args()
    made = list(cases(random.Random(options.seed), options.count))
    results, ill = run_now(options.target, made, patience=0.5)
    failed = [c for c in made if results[c.name][0]]
    for case in failed:
        print("FAIL %s %s\n     %r" % (case.name, results[case.name][0], getattr(case, "send", None) or case.answer))
    if ill:
        print("not alive afterwards: " + ill)
    print("%d passed, %d failed" % (len(made) - len(failed), len(failed) + bool(ill)))
    sys.exit(1 if failed or ill else 0)


if __name__ == "__main__":
    main()
