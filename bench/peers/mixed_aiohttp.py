"""I/O and CPU in one server, with aiohttp: `mixed_aiohttp.py PORT inline|threads|processes`. `/` answers at once, `/cpu`
with the sum of the first million squares."""
import asyncio
import concurrent.futures
import sys

from aiohttp import web


def sum_of_squares(count):
    return sum(i * i for i in range(count))


async def hello(request):
    return web.Response(text="Hello, World!")


async def compute(request):
    pool = request.app["pool"]
    if pool is None:
        result = sum_of_squares(1_000_000)
    else:
        result = await asyncio.get_running_loop().run_in_executor(pool, sum_of_squares, 1_000_000)
    return web.Response(text=str(result))


POOLS = {"inline": lambda: None,
         "threads": lambda: concurrent.futures.ThreadPoolExecutor(2),
         "processes": lambda: concurrent.futures.ProcessPoolExecutor(2)}

if __name__ == "__main__":
    app = web.Application()
    app["pool"] = POOLS[sys.argv[2]]()
    app.router.add_get("/", hello)
    app.router.add_get("/cpu", compute)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, backlog=4096)
