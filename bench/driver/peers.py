"""Who is measured: ringmill, what could be written by hand, and the others. Each program is short, and what a good user
of that library would write (bench/peers)."""
from programs import PYTHON, Program

CXX = ("g++", "-std=c++20", "-O2", "-pthread")


def ours(name):
    return Program(("{release}/bench/" + name, "{port}"))


def cpp(name, package):
    return Program(("{built}/" + name, "{port}"), (*CXX, "-DASIO_STANDALONE", "{source}/" + name + ".cpp", "-o", "{built}/" + name),
                   ("g++",), (), package)


def c(name, library, package):
    return Program(("{built}/" + name, "{port}"), ("gcc", "-O2", "{source}/" + name + ".c", "-o", "{built}/" + name, "-l" + library),
                   ("gcc",), (), package)


def go(name):
    return Program(("{built}/" + name, "{port}"), ("go", "build", "-o", "{built}/" + name, "{source}/" + name + ".go"), ("go",), (),
                   "golang-go")


def node(name):
    return Program(("node", "{source}/" + name + ".js", "{port}"), (), ("node",), (), "nodejs")


def python(name, *arguments, module="", package=""):
    return Program((PYTHON, "{source}/" + name + ".py", "{port}", *arguments), (), (PYTHON,), (module,) if module else (),
                   package)


def without_port(program):
    """For programs that are no servers."""
    return Program(tuple(word for word in program.command if word != "{port}"), program.build, program.needs,
                   program.imports, program.package)


BY_HAND, OURS = "by hand", "ringmill"

ECHO = {
    BY_HAND: ours("echo_limit"),
    OURS: ours("echo_ringmill"),
    "Asio coroutines": cpp("echo_asio", "libasio-dev"),
    "libuv": c("echo_libuv", "uv", "libuv1-dev"),
    "Go": go("echo_go"),
    "Node": node("echo_node"),
    "uvloop": python("echo_python", "uvloop", module="uvloop", package="python3-uvloop"),
    "asyncio protocol": python("echo_python", "protocol"),
    "asyncio streams": python("echo_python", "streams"),
}
IDLE = {
    BY_HAND: ECHO[BY_HAND],
    OURS: ours("idle_ringmill"),
    "ringmill, 4 KiB in the frame": ECHO[OURS],
    **{name: program for name, program in ECHO.items() if name not in (BY_HAND, OURS)},
}
HTTP = {
    BY_HAND: ours("http_limit"),
    OURS: ours("http_ringmill"),
    "nginx": Program(("{source}/http_nginx", "{port}", "{built}"), (), ("nginx",), (), "nginx"),
    "Beast on Asio": cpp("http_beast", "libboost-dev"),
    "Go": go("http_go"),
    "Node": node("http_node"),
    "aiohttp on uvloop": python("http_aiohttp", "uvloop", module="aiohttp, uvloop", package="python3-aiohttp python3-uvloop"),
    "aiohttp": python("http_aiohttp", module="aiohttp", package="python3-aiohttp"),
}
MIXED = {
    OURS: ours("mixed_ringmill"),
    "ringmill, workers at nice 0": Program((*ours("mixed_ringmill").command, "0")),
    "ringmill, as long as Python's": Program((*ours("mixed_ringmill").command, "5", "60")),
    "aiohttp, 2 processes": python("mixed_aiohttp", "processes", module="aiohttp", package="python3-aiohttp"),
    "aiohttp, 2 threads": python("mixed_aiohttp", "threads", module="aiohttp", package="python3-aiohttp"),
    "aiohttp, inline": python("mixed_aiohttp", "inline", module="aiohttp", package="python3-aiohttp"),
}
# With the seconds to sleep: longer than it takes to start a million.
SLEEPERS = {
    "Go": (without_port(go("sleepers_go")), 8),
    "Node": (without_port(node("sleepers_node")), 8),
    "asyncio": (without_port(python("sleepers_asyncio")), 25),
}
OFFLOAD = {
    "ProcessPoolExecutor": without_port(python("pool_executor")),
    "worker_threads": without_port(node("worker_threads")),
    "C++ thread pool": without_port(cpp("thread_pool", "g++")),
}
