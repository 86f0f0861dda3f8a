"""Hello over HTTP with aiohttp: `http_aiohttp.py PORT [uvloop]`."""
import sys

from aiohttp import web


async def hello(request):
    return web.Response(text="Hello, World!")


if "uvloop" in sys.argv[2:]:
    import uvloop
    uvloop.install()
app = web.Application()
app.router.add_get("/", hello)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, backlog=4096)
