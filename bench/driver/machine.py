"""Where and with what it was measured."""
import datetime
import os
import platform
import re
import subprocess

from programs import PYTHON, ROOT

VERSIONS = {
    "GCC": ["g++", "-dumpfullversion"],
    "Go": ["go", "version"],
    "Node": ["node", "--version"],
    "Python": [PYTHON, "--version"],
    "uvloop": [PYTHON, "-c", "import uvloop; print(uvloop.__version__)"],
    "aiohttp": [PYTHON, "-c", "import aiohttp; print(aiohttp.__version__)"],
    "nginx": ["nginx", "-v"],
    "libuv": ["pkg-config", "--modversion", "libuv"],
    "Asio": ["sh", "-c", "sed -n 's/.*ASIO_VERSION \\([0-9]*\\).*/\\1/p' /usr/include/asio/version.hpp"],
    "Boost": ["sh", "-c", "sed -n 's/#define BOOST_LIB_VERSION \"\\(.*\\)\"/\\1/p' /usr/include/boost/version.hpp"],
    "liburing": ["pkg-config", "--modversion", "liburing"],
}


def output(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip() if done.returncode == 0 else ""


def version(command):
    text = output(command)
    if re.fullmatch(r"\d{6}", text):  # Asio: 102201 is 1.22.1
        return f"{int(text) // 100000}.{int(text) // 100 % 1000}.{int(text) % 100}"
    found = re.search(r"\d+(?:[._]\d+)+", text)
    return found[0].replace("_", ".") if found else None


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        found = re.search(r"model name\s*:\s*(.*)", file.read())
    return found[1] if found else platform.machine()


def describe():
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 1),
        "commit": output(["git", "describe", "--always", "--dirty"]),
        "versions": {name: found for name, command in VERSIONS.items() if (found := version(command))},
    }
