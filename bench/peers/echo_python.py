"""Echo in Python: `echo_python.py PORT uvloop|protocol|streams`. The first two are protocols, which are called back; the
last are asyncio's streams, which are awaited."""
import asyncio
import sys


class Echo(asyncio.Protocol):
    def connection_made(self, transport):  # both loops set TCP_NODELAY by themselves
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def echo(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(port, kind):
    if kind == "streams":
        server = await asyncio.start_server(echo, "127.0.0.1", port, backlog=4096)
    else:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if sys.argv[2] == "uvloop":
    import uvloop
    uvloop.install()
asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
