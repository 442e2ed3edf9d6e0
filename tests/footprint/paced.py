"""Large bodies at a steady rate, through constant memory."""

import contextlib
import threading
import time

PIECE = b"\0" * (1 << 20)


def send(peer, size, seconds):
    """So many bytes, evenly over that time."""
    begun, sent = time.monotonic(), 0
    while sent < size:
        peer.socket.sendall(PIECE[: size - sent])
        sent += len(PIECE)
        time.sleep(max(0, begun + seconds * sent / size - time.monotonic()))


def swallow(peer, size):
    """Reads and forgets so many bytes; returns how many came."""
    got, room = len(peer.buffer), bytearray(len(PIECE))
    peer.buffer.clear()
    while got < size:
        count = peer.socket.recv_into(room, min(len(room), size - got))
        if count == 0:
            break
        got += count
    return got


@contextlib.contextmanager
def at_once(*functions):
    """Runs them while the block runs, and waits for their ends."""
    threads = [threading.Thread(target=f, daemon=True) for f in functions]
    for t in threads:
        t.start()
    yield threads
    for t in threads:
        t.join()
