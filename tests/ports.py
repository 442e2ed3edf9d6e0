"""Free ports for tests: none twice, and below those that the kernel gives to outgoing connections, so that a port
asked for now is still free when it is bound later."""
import random
import socket

LOW, HIGH = 11000, 20900

given = set()


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


def free_port(host="127.0.0.1"):
    while True:
        port = random.randrange(LOW, HIGH)
        if port not in given and is_free(port, host):
            given.add(port)
            return port


def free_ports(count):
    return [free_port() for _ in range(count)]
