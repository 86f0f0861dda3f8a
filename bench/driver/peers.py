"""Who is measured: ringmill, what could be written by hand, and the others. Each program is short, and what a good user
of that library would write (bench/peers)."""
import dataclasses

from programs import PYTHON, Program


def ours(name, *arguments):
    return Program(("{release}/bench/" + name, "{port}", *arguments))


def built(name, compiler, package):
    """`compiler`: what makes {output} of its source."""
    output = "{built}/" + name
    return Program((output, "{port}"), (*compiler, "-o", output), needs=compiler[:1], package=package)


def cpp(name, package):
    return built(name, ("g++", "-std=c++20", "-O2", "-pthread", "-DASIO_STANDALONE", "{source}/" + name + ".cpp"), package)


def c(name, package, library):
    return built(name, ("gcc", "-O2", "{source}/" + name + ".c", library), package)


def go(name):
    program = "{built}/" + name
    return Program((program, "{port}"), ("go", "build", "-o", program, "{source}/" + name + ".go"), needs=("go",),
                   package="golang-go")


def node(name):
    return Program(("node", "{source}/" + name + ".js", "{port}"), needs=("node",), package="nodejs")


def python(name, *arguments, modules=(), package=""):
    return Program((PYTHON, "{source}/" + name + ".py", "{port}", *arguments), needs=(PYTHON,), imports=modules,
                   package=package)


def without_port(program):
    """For programs that are no servers."""
    return dataclasses.replace(program, command=tuple(word for word in program.command if word != "{port}"))


BY_HAND, OURS = "by hand", "ringmill"

ECHO = {
    BY_HAND: ours("echo_limit"),
    OURS: ours("echo_ringmill"),
    "Asio coroutines": cpp("echo_asio", "libasio-dev"),
    "libuv": c("echo_libuv", "libuv1-dev", "-luv"),
    "Go": go("echo_go"),
    "Node": node("echo_node"),
    "uvloop": python("echo_python", "uvloop", modules=("uvloop",), package="python3-uvloop"),
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
    "nginx": Program(("{source}/http_nginx", "{port}", "{built}"), needs=("nginx",), package="nginx"),
    "Beast on Asio": cpp("http_beast", "libboost-dev"),
    "Go": go("http_go"),
    "Node": node("http_node"),
    "aiohttp on uvloop": python("http_aiohttp", "uvloop", modules=("aiohttp", "uvloop"),
                                package="python3-aiohttp python3-uvloop"),
    "aiohttp": python("http_aiohttp", modules=("aiohttp",), package="python3-aiohttp"),
}
MIXED = {
    OURS: ours("mixed_ringmill"),
    "ringmill, workers at nice 0": ours("mixed_ringmill", "0"),
    "ringmill, as long as Python's": ours("mixed_ringmill", "5", "60"),
    "aiohttp, 2 processes": python("mixed_aiohttp", "processes", modules=("aiohttp",), package="python3-aiohttp"),
    "aiohttp, 2 threads": python("mixed_aiohttp", "threads", modules=("aiohttp",), package="python3-aiohttp"),
    "aiohttp, inline": python("mixed_aiohttp", "inline", modules=("aiohttp",), package="python3-aiohttp"),
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
