"""Free ports for tests: none twice, in no process of these tests, and below those that the kernel gives to outgoing
connections. So a port asked for now is still free when it is bound later, and again after it was closed for a while."""
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

LOW, HIGH = 11000, 20900

given = {}  # port -> its file, locked for as long as we live


def is_free(port, host):
    """Does nobody listen there? Bound as listeners are: a process that is forked meanwhile has our socket until its
    exec, and must not be in the way of who was given the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError:
            return False
    return True


def lock(port):
    """Whoever has this file locked has been given the port; None: somebody has. The kernel takes the lock back when
    its process ends."""
    folder = Path(tempfile.gettempdir()) / ("csidecar-test-ports-%d" % os.getuid())
    folder.mkdir(mode=0o700, exist_ok=True)
    file = open(folder / str(port), "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def free_port(host="127.0.0.1"):
    while True:
        port = random.randrange(LOW, HIGH)
        file = lock(port)
        if file and is_free(port, host):
            given[port] = file
            return port
        if file:
            file.close()


def free_ports(count):
    return [free_port() for _ in range(count)]
