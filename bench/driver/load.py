"""Load on a server, from one core: examples/http_load, or wrk."""
import json
import os
import re
import resource
import subprocess
import time

from programs import GENERATORS_CORE, PATIENCE, RELEASE, last_line, pinned
from rounds import Disturbed, Failed

BUSY = 0.85  # of its core: below, a server was not what was measured

WITH_ERRORS = 3  # http_load's exit code when some requests had no answer


class Load:
    """`generator`: http_load or wrk (for HTTP only). `seconds`: of each sample."""

    def __init__(self, seconds, generator="http_load", must_be_busy=True):
        self.seconds, self.generator, self.must_be_busy = seconds, generator, must_be_busy

    def on(self, target, server, *options, core=GENERATORS_CORE):
        """Figures of a load on `target` (HOST:PORT or a URL), which process `server` serves."""
        return self.started(target, server, *options, core=core)()

    def started(self, target, server, *options, core=GENERATORS_CORE):
        """The same, not waited for: gives a function that waits, and gives the figures."""
        if self.generator == "wrk" and target.startswith("http"):
            return lambda: wrk(target, server, self.seconds, options, core)
        command = [os.environ.get("RINGMILL_LOAD", str(RELEASE / "examples/http_load")), "--json",
                   "--duration", str(self.seconds), "--warmup", str(self.seconds / 5), "--server-pid", str(server),
                   *map(str, options), target]
        process = start(command if core is None else pinned(core, command))
        return lambda: figures_of(json.loads(output_of(process)))

    def of_busy_server(self, target, server, *options, figure):
        """As `on`; raises Disturbed if `figure` of it is not the server's."""
        figures = self.on(target, server, *options)
        if self.must_be_busy and is_disturbed(figures, figure):
            raise Disturbed
        return figures


def is_disturbed(figures, figure):
    """One side is the slower one, and has its core for itself; if none is busy, something else ran there. Beside a slow
    generator a server waits: then what it needs for a request still counts, and how many it answered does not."""
    busy = figures["server_busy"] if figure == "rate" else max(figures["server_busy"], figures["generator_busy"])
    return busy < BUSY


def start(command):
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise Failed(str(error)) from error


def output_of(process):
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise Failed("the load does not end") from error
    if process.returncode not in (0, WITH_ERRORS):
        raise Failed(f"the load ended with {process.returncode}: {last_line(err)}")
    return out


def figures_of(report):
    """From what http_load prints with --json."""
    if report["requests"] == 0:
        raise Disturbed
    if report["errors"] > report["requests"] / 1000:
        raise Failed(f"{report['errors']} errors beside {report['requests']} answers")
    return {"rate": report["requests_per_second"], "cpu": report["cpu_us_per_request"],
            "p50": report["latency_us"]["p50"], "p99": report["latency_us"]["p99"],
            "server_busy": report["server_busy"] or 0, "generator_busy": report["generator_busy"] or 0}


def cpu_seconds(process):
    """Of a process with all its threads: clock_getcpuclockid(3), which Python does not have."""
    return time.clock_gettime((~process << 3) | 2)


def wrk(target, server, seconds, options, core):
    connections = options[options.index("--connections") + 1] if "--connections" in options else 64
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", target]
    before, own = cpu_seconds(server), resource.getrusage(resource.RUSAGE_CHILDREN)
    start_time = time.monotonic()
    out = output_of(start(command if core is None else pinned(core, command)))
    length = time.monotonic() - start_time
    used, after = cpu_seconds(server) - before, resource.getrusage(resource.RUSAGE_CHILDREN)
    requests = int(re.search(r"(\d+) requests in", out)[1])
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    late = {share: float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]
            for share, number, unit in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)", out)}
    return figures_of({
        "requests": requests, "requests_per_second": requests / length, "errors": int(refused[1]) if refused else 0,
        "cpu_us_per_request": used * 1e6 / max(requests, 1), "latency_us": {"p50": late["50"], "p99": late["99"]},
        "server_busy": used / length,
        "generator_busy": (after.ru_utime + after.ru_stime - own.ru_utime - own.ru_stime) / length})
