"""A deliberately naive proxy: the control. A corpus that doesn't fail it tests nothing.

It does what is written in an afternoon: takes any line end, the first Content-Length, hands on every
line as it came, pools connections without a look at them, and copies whatever the upstream sends.
"""

import asyncio
import re

LIMIT = 8 << 20


async def start(ports):
    """(server, port). The first path segment of a request names its service."""
    pools, tasks = {}, set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())  # else nothing holds it
        try:
            while await forward(reader, writer, ports, pools):
                pass
        except (Exception, asyncio.CancelledError):  # whatever it was, this one is done with
            pass
        finally:
            writer.close()
            tasks.discard(asyncio.current_task())

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=LIMIT)
    port = server.sockets[0].getsockname()[1]
    ports = dict(ports) | {"loo": port}
    return server, port


async def read_head(reader):
    head = b""
    while not head.endswith((b"\n\n", b"\n\r\n")):
        line = await reader.readline()
        if not line:
            return None
        head += line
    return head


def field(head, name):
    match = re.search(rb"(?im)^%s[ \t]*:[ \t]*([^\r\n]*)" % name, head)
    return match[1].strip() if match else None


async def body_of(reader, head, until_close=False):
    """Yields the body as it came, by whichever framing it noticed first."""
    length, coding = field(head, b"content-length"), field(head, b"transfer-encoding")
    if length is not None:
        yield await reader.readexactly(int(length))
    elif coding and b"chunked" in coding.lower():
        while True:
            line = await reader.readline()
            size = int(line.split(b";")[0], 16)
            yield line + (await reader.readexactly(size) if size >= 0 else b"") + await reader.readline()
            if size == 0:
                return
    elif until_close:
        while data := await reader.read(65536):
            yield data


def route(head, ports):
    """(port, the head with the service taken off its target)."""
    line, rest = head.split(b"\n", 1)
    words = line.split()
    _, service, path = (words[1].split(b"/", 2) + [b"", b""])[:3]
    return ports.get(service.decode("latin1")), b" ".join((words[0], b"/" + path, *words[2:])) + b"\r\n" + rest


async def forward(reader, writer, ports, pools):
    head = await read_head(reader)
    if head is None:
        return False
    port, head = route(head, ports)
    if port is None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return True
    pool = pools.setdefault(port, [])
    up_reader, up_writer = pool.pop() if pool else await asyncio.open_connection("127.0.0.1", port, limit=LIMIT)
    up_writer.write(head)
    async for data in body_of(reader, head):
        up_writer.write(data)
    answer = await read_head(up_reader)
    if answer is None:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        return True
    writer.write(answer)
    if head[:4] != b"HEAD":
        async for data in body_of(up_reader, answer, until_close=True):
            writer.write(data)
    pool.append((up_reader, up_writer))
    return True
