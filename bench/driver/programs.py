"""Programs: how they are built, started on a core of their own, and ended."""
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

from rounds import Failed

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = pathlib.Path(os.environ.get("BUILD_ROOT", ROOT / "build/release"))  # meson's
BUILT = RELEASE.parent / "peers"                                               # what is built here
SOURCES = ROOT / "bench/peers"
SERVERS_CORE, GENERATORS_CORE = 0, 1
PATIENCE = 120  # seconds, for what takes a few


def pinned(core, command):
    """The command on that core; on a machine with one core, or none to spare, as it is."""
    return ["taskset", "-c", str(core), *command] if core in os.sched_getaffinity(0) and os.cpu_count() > 1 else command


@dataclasses.dataclass(frozen=True)
class Program:
    """`command` may use {port}, {source} (bench/peers), {built} and {release}; `build` makes {built}/NAME."""
    command: tuple
    build: tuple = ()
    needs: tuple = ()     # programs that have to be in PATH
    imports: tuple = ()   # modules of Debian's Python
    package: str = ""     # that has what it needs

    def filled(self, words, **values):
        """The words with paths and `values` in place of what is in braces."""
        known = {"source": SOURCES, "built": BUILT, "release": RELEASE, **values}
        return [re.sub(r"\{(\w+)\}", lambda found: str(known[found[1]]), word) for word in words]

    def prepare(self):
        """Builds it. Raises Failed if it cannot be: most often something is not installed."""
        hint = f" (Debian: {self.package})" if self.package else ""
        for word in self.filled(self.command + self.build, port=0):
            if word.startswith(f"{SOURCES}/") and not pathlib.Path(word).exists():
                raise Failed(f"there is no {pathlib.Path(word).relative_to(ROOT)}")
        for program in self.needs:
            if not shutil.which(program):
                raise Failed(f"{program} is not installed{hint}")
        for module in self.imports:
            if subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True, check=False).returncode != 0:
                raise Failed(f"{PYTHON} has no {module}{hint}")
        if self.build:
            BUILT.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(self.filled(self.build), capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Failed(f"it could not be built{hint}: {last_line(done.stderr)}")

    def run(self, *arguments, **values):
        """What it prints. Raises Failed with what it says if it does not end well."""
        command = self.filled(self.command, **values) + [str(each) for each in arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE * 5)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed(str(error)) from error
        if done.returncode != 0:
            raise Failed(f"{pathlib.Path(command[0]).name} ended with {done.returncode}: {last_line(done.stderr)}")
        return done.stdout

    @contextlib.contextmanager
    def serving(self, core=SERVERS_CORE):
        """Started, on that core (None: on any), with (port, process id) once it listens; killed at the end."""
        port = free_port()
        command = self.filled(self.command, port=port)
        process = subprocess.Popen(command if core is None else pinned(core, command), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, process_group=0)
        try:
            wait_until_it_listens(process, port)
            yield port, process.pid
        finally:
            end(process)


PYTHON = "/usr/bin/python3"  # Debian's, for which Debian's packages are


def last_line(text):
    lines = [line for line in text.strip().splitlines() if "error" in line.lower()] or text.strip().splitlines()
    return lines[-1][:200] if lines else "no word of why"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_listens(process, port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"the server ended with {process.returncode}: {last_line(process.stderr.read().decode())}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise Failed("the server does not listen")


def end(process):
    """With all its children, which are in a process group of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()
    process.stderr.close()
