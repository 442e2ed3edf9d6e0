"""The generated corpus: what one client says on one connection, a few requests in a row, most of them twisted somewhere.

Same seed and number, same bytes.
"""

import random
from dataclasses import dataclass

from tests.hostile.mutate import mutate

from .grammar import SMUGGLED, plain
from .twists import TWISTS

EVERY = [(family, twist) for family, twists in TWISTS.items() for twist in twists]


@dataclass(frozen=True)
class Case:
    number: int
    seed: int
    families: tuple  # what was twisted
    pieces: tuple  # bytes, sent one after the other

    @property
    def bytes(self):
        return b"".join(self.pieces)


def request(rng, families):
    draft = plain(rng)
    for _ in range(rng.choice((0, 0, 1, 1, 1, 1, 2, 3))):
        family, twist = rng.choice(EVERY)
        twist(rng, draft)
        families.append(family)
    return draft.write()


def cut(rng, data):
    """Most come at once; the others in pieces, as a network may cut them."""
    if rng.random() < 0.85:
        return (data,)
    at = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((1, 1, 2, 4))))
    return tuple(p for p in (data[a:b] for a, b in zip([0] + at, at + [len(data)])) if p)


def case(seed, number):
    rng = random.Random("%d/%d" % (seed, number))
    families = []
    data = b"".join(request(rng, families) for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3))))
    if rng.random() < 0.1:
        data = mutate(rng, data)
        families.append("mutated")
    if rng.random() < 0.3:
        data += SMUGGLED.replace(b"smuggled", b"last")
    return Case(number, seed, tuple(dict.fromkeys(families)) or ("none",), cut(rng, data))
