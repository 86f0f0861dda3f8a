#!/usr/bin/env python3
"""check_http_load.py HTTP_LOAD HTTP_HELLO ECHO_SERVER: the load generator against servers that count what they see, and
against servers that misbehave.

Nothing here depends on how fast the machine is: counts are compared with counts, and a stalled server stalls for at
least as long as it says.
"""
import json
import signal
import socket
import subprocess
import sys
import threading
import time

from listening_program import listening_program

LOAD, HELLO, ECHO = sys.argv[1:4]
PERCENTILES = ["p50", "p90", "p99", "p99.9", "max"]
KEYS = ["requests", "seconds", "requests_per_second", "errors", "bytes", "latency_us", "cpu_us_per_request",
        "server_busy", "generator_busy", "generator_us_per_request", "unanswered", "statuses", "failures"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def check(what, condition, detail=""):
    assert condition, f"{what}: {detail}"
    print(f"ok: {what}")


def run(*arguments):
    return subprocess.run([LOAD, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def measured(*arguments, code=0):
    """The figures, as JSON says them."""
    done = run("--json", *arguments)
    assert done.returncode == code, f"{arguments}: {done.returncode} instead of {code}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)


class stub:
    """A server in Python: `answer(connection, n)` sends what it likes to the n-th request of all; True closes."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = 0
        self.lock = threading.Lock()
        self.seen = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        text = b""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection:
                while more := connection.recv(65536):
                    text += more
                    while b"\r\n\r\n" in text:
                        text = text[text.index(b"\r\n\r\n") + 4:]
                        with self.lock:
                            self.requests += 1
                            number = self.requests
                        if number >= 10:
                            self.seen.set()
                        if self.answer(connection, number):
                            return
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def check_counts():
    for pipeline in (1, 16):
        with listening_program(HELLO, "0") as hello:
            url = f"http://127.0.0.1:{hello.port}/hello"
            figures = measured("--requests", 5003, "--connections", 7, "--pipeline", pipeline, url)
            _, said, _ = hello.interrupt()
            check(f"the server has seen the requests that were reported, {pipeline} at once",
                  said == "5003 greetings\n" and figures["requests"] == 5003 and figures["errors"] == 0, f"{said} {figures}")
            check("and as many bytes came as each response has", figures["bytes"] % 5003 == 0, figures["bytes"])

    with listening_program(HELLO, "0") as hello:
        url = f"http://127.0.0.1:{hello.port}/hello"
        figures = measured("--duration", 0.5, "--warmup", 0.1, "--server-pid", hello.program.pid, url)
        check("all keys are there, in order", list(figures) == KEYS, list(figures))
        seconds, requests = figures["seconds"], figures["requests"]
        check("it measures as long as it was told", 0.5 <= seconds, seconds)
        check("requests a second are requests by seconds",
              abs(figures["requests_per_second"] - requests / seconds) < 1, figures)
        latency = [figures["latency_us"][name] for name in PERCENTILES]
        check("percentiles grow", 0 < latency[0] and latency == sorted(latency), latency)
        # 64 connections wait for all of the time.
        check("latency, requests and time belong together", latency[0] < 64 * seconds * 1e6 / requests * 2, figures)
        cpu = figures["cpu_us_per_request"] * requests / 1e6
        check("the server's CPU time is there, and its busy share is the same",
              0 < cpu and abs(figures["server_busy"] - cpu / seconds) < 0.01, figures)
        greetings = int(hello.interrupt()[1].split()[0])
        check("the warm-up does not count", greetings > requests > 0, f"{greetings} seen, {requests} reported")

    with listening_program(HELLO, "0") as hello:
        table = run("--requests", 100, f"127.0.0.1:{hello.port}/hello")
        check("without --json there is a table", table.returncode == 0 and "\nlatency " in table.stdout, table.stdout)


def check_rate():
    with listening_program(HELLO, "0") as hello:
        for connections, pipeline in ((10, 1), (3, 4)):
            figures = measured("--duration", 1, "--rate", 500, "--connections", connections, "--pipeline", pipeline,
                               f"127.0.0.1:{hello.port}/hello")
            due = figures["requests"] + figures["unanswered"]
            at_the_ends = connections * pipeline
            check(f"500 requests a second are due, on {connections} connections",
                  abs(due - 500 * figures["seconds"]) <= at_the_ends + 1, figures)

    def stall_once(connection, number):
        if number == 100:
            time.sleep(0.5)
        connection.sendall(OK)

    with stub(stall_once) as slow:
        figures = measured("--requests", 1000, "--connections", 1, f"127.0.0.1:{slow.port}")
        check("a closed loop sees one slow request when a server stalls",
              figures["latency_us"]["p99"] < 400_000 <= 500_000 <= figures["latency_us"]["max"], figures)
    with stub(stall_once) as slow:
        figures = measured("--requests", 1000, "--rate", 1000, "--connections", 1, f"127.0.0.1:{slow.port}")
        # Those due during the stall wait for its end: 500 of them, up to 0.5 s.
        check("an open loop sees all that had to wait",
              figures["latency_us"]["p90"] > 300_000 and figures["latency_us"]["p50"] > 1_000, figures)

    with stub(lambda connection, number: number > 20 and time.sleep(60)) as dead:
        figures = measured("--duration", 1, "--warmup", 0, "--rate", 100, "--connections", 2, f"127.0.0.1:{dead.port}")
        check("what a server never answers is in the latency too",
              figures["requests"] == 0 and abs(figures["unanswered"] - 100 * figures["seconds"]) <= 3
              and 0.4 < figures["latency_us"]["p50"] / figures["seconds"] / 1e6 < 0.6, figures)


def check_errors():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and not listening
        done = run(f"127.0.0.1:{nobody.getsockname()[1]}")
        check("nobody there is exit code 1, said once, and no figures",
              done.returncode == 1 and done.stdout == "" and done.stderr.count("refused") == 1, f"{done}")

    with listening_program(HELLO, "0") as hello:
        figures = measured("--requests", 50, f"127.0.0.1:{hello.port}/nowhere", code=3)
        check("a status that is an error is one, and no request",
              figures["requests"] == 0 and figures["errors"] == 50 and figures["statuses"] == {"404": 50}
              and figures["latency_us"]["p50"] is None, figures)

    def every_third(wrong):
        def answer(connection, number):
            connection.sendall(wrong if number % 3 == 0 else OK)
            return number % 3 == 0
        return answer

    for what, wrong, kind in (("closes in mid-response", OK[:-1], "closed"), ("closes without a response", b"", "closed"),
                              ("answers garbage", b"garbage\r\n", "malformed"), ("sends too much", OK + OK, "malformed")):
        with stub(every_third(wrong)) as bad:
            figures = measured("--requests", 30, "--connections", 1, f"127.0.0.1:{bad.port}", code=3)
            expected = 10 if kind == "malformed" and wrong.startswith(OK) else 14
            check(f"a server that {what}", figures["failures"] == {kind: expected} and figures["requests"] == 30
                  and figures["errors"] == expected, figures)

    def close_politely(connection, number):
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        return True

    with stub(close_politely) as polite:
        figures = measured("--requests", 40, "--connections", 3, f"127.0.0.1:{polite.port}")
        check("a server that says it closes does nothing wrong", figures["requests"] == 40 == polite.requests, figures)

    def until_close(connection, number):
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nall of it")
        return True

    with stub(until_close) as old:
        figures = measured("--requests", 40, "--connections", 3, f"127.0.0.1:{old.port}")
        check("nor does one whose responses end with the connection", figures["requests"] == 40 == old.requests, figures)

    with stub(lambda connection, number: number == 5 and time.sleep(60) or connection.sendall(OK)) as late:
        figures = measured("--requests", 20, "--timeout", 0.3, "--connections", 1, f"127.0.0.1:{late.port}", code=3)
        check("no answer in time is an error, and the load goes on",
              figures["failures"] == {"timeout": 1} and figures["requests"] == 20, figures)

    for words, says in ((["ftp://127.0.0.1:1/"], "only http"), (["https://127.0.0.1:1/"], "only http"),
                        (["http://"], "neither a URL"), (["example.org:80"], "not looked up"), ([], "target"),
                        (["127.0.0.1:1", "--echo", "5", "--connections", "0"], "--connections"),
                        (["http://127.0.0.1:1/", "--echo", "5"], "HOST:PORT"), (["127.0.0.1:1", "--rate", "0"], "--rate"),
                        (["127.0.0.1:1", "--rate", "1e12"], "--rate"),
                        (["127.0.0.1:1", "--pipeline", "x"], "--pipeline"),
                        (["127.0.0.1:1", "--duration", "-1"], "--duration")):
        done = run(*words)
        check(f"usage error for {' '.join(words) or 'nothing'}",
              done.returncode == 2 and says in done.stdout + done.stderr, f"{done}")
    with listening_program(HELLO, "0") as hello:
        done = run("--server-pid", 2**22 + 1, f"127.0.0.1:{hello.port}/hello", "--warmup", 0)
        check("a process that is not there", done.returncode == 1 and "no process" in done.stderr, f"{done}")


def check_interrupt():
    with stub(lambda connection, number: connection.sendall(OK)) as quick:
        program = subprocess.Popen([LOAD, "--json", "--warmup", "0", "--duration", "1000", f"127.0.0.1:{quick.port}"],
                                   stdout=subprocess.PIPE, text=True)
        assert quick.seen.wait(30)
        program.send_signal(signal.SIGINT)
        out, _ = program.communicate(timeout=20)
        figures = json.loads(out)
        check("Ctrl-C ends it with what there is, and with 130",
              program.returncode == 130 and figures["seconds"] < 999 and figures["requests"] <= quick.requests, figures)


def check_echo():
    with listening_program(ECHO, "0") as echo:
        where = f"127.0.0.1:{echo.port}"
        for size, pipeline in ((64, 1), (20_000, 1), (100, 8)):
            figures = measured("--echo", size, "--requests", 500, "--connections", 5, "--pipeline", pipeline, where)
            check(f"echo of {size} bytes, {pipeline} at once: each comes back whole",
                  figures["requests"] == 500 and figures["bytes"] == 500 * size and figures["errors"] == 0, figures)

    listener = socket.create_server(("127.0.0.1", 0))

    def serve_wrong():
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"abcdefgx")
        listener.close()

    threading.Thread(target=serve_wrong, daemon=True).start()
    figures = measured("--echo", 8, "--connections", 1, "--duration", 0.5, "--warmup", 0,
                       f"127.0.0.1:{listener.getsockname()[1]}", code=3)
    check("what comes back changed is an error",
          figures["requests"] == 0 and figures["failures"].pop("malformed") == 1, figures)


check_counts()
check_rate()
check_errors()
check_interrupt()
check_echo()
