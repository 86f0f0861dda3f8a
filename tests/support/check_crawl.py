#!/usr/bin/env python3
"""check_crawl.py CRAWL: the crawl program from outside: its output, its exit codes, and what is left when it is killed."""
import contextlib
import fcntl
import http.server
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time

CRAWL = sys.argv[1]


def start(*arguments):
    return subprocess.Popen([CRAWL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def processes():
    """pid -> (parent, name) of all that run."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        name = text[text.index("(") + 1 : text.rindex(")")]
        state, parent = text[text.rindex(")") + 2 :].split()[:2]
        if state != "Z":
            found[int(entry)] = (int(parent), name)
    return found


def workers_of(pid):
    """The worker processes of a crawl: children of its zygote."""
    now = processes()
    zygotes = [child for child, (parent, _) in now.items() if parent == pid]
    return zygotes, [child for child, (parent, name) in now.items() if parent in zygotes and name == "rm-worker"]


def wait_for_workers(program, count):
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        zygotes, workers = workers_of(program.pid)
        if len(workers) >= count:
            return zygotes, workers
        assert program.poll() is None, "the crawl ended before its workers were there"
        time.sleep(0.002)
    raise AssertionError("no workers appeared")


def gone_within(seconds, pids):
    limit = time.monotonic() + seconds
    while set(pids) & set(processes()):
        if time.monotonic() > limit:
            return False
        time.sleep(0.002)
    return True


def check(what, condition, detail=""):
    assert condition, f"{what}: {detail}"
    print(f"ok: {what}")


def demo(*arguments):
    program = start("--demo", *arguments)
    out, err = program.communicate(timeout=60)
    check(f"--demo {' '.join(arguments)} finds what the site knows", program.returncode == 0 and "it matches" in err, err)
    pages = [json.loads(line) for line in out.splitlines()]
    check("each page is a JSON line with its fields, and none comes twice",
          len({page["url"] for page in pages}) == len(pages) > 60
          and all(set(page) == {"url", "status", "bytes", "links", "depth", "error"} for page in pages))
    return {page["url"].split("/", 3)[3]: page for page in pages}


def slow_reader():
    """Standard output is a small pipe that nobody reads while the crawl ends."""
    out, inlet = os.pipe()
    fcntl.fcntl(inlet, fcntl.F_SETPIPE_SZ, 4096)
    program = subprocess.Popen([CRAWL, "--demo"], stdout=inlet, stderr=subprocess.PIPE, text=True)
    os.close(inlet)
    time.sleep(2)
    with os.fdopen(out, encoding="utf-8") as file:
        lines = file.read().splitlines()
    _, err = program.communicate(timeout=60)
    check("a reader that is slow gets every line, and each of them whole",
          program.returncode == 0 and len({json.loads(line)["url"] for line in lines}) == 89, f"{len(lines)} lines {err}")


class answers(http.server.BaseHTTPRequestHandler):
    """Serves `pages`: path -> text; (status, text); or (status, text, location)."""
    pages = {}

    def do_GET(self):
        answer = self.pages.get(self.path, (404, ""))
        status, text, *location = answer if isinstance(answer, tuple) else (200, answer)
        self.send_response(status)
        for place in location:
            self.send_header("Location", place)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


class server(http.server.ThreadingHTTPServer):
    request_queue_size = 500


@contextlib.contextmanager
def serving(pages):
    """Its address, without a slash at the end."""
    listening = server(("127.0.0.1", 0), type("site", (answers,), {"pages": pages}))
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


def links(*targets):
    return "".join(f'<a href="{target}">a link</a>\n' for target in targets)


def crawl(pages, path, *arguments, **settings):
    """Exit code, and the lines: path -> page."""
    with serving(pages) as address:
        program = subprocess.Popen([CRAWL, address + path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, **settings)
        out, _ = program.communicate(timeout=60)
        found = [json.loads(line) for line in out.splitlines()]
        return program.returncode, {page["url"].removeprefix(address): page for page in found}


def rules():
    site = {"/": links("/open", "/private"), "/open": "", "/private": "", "/robots.txt": (301, "", "/rules"),
            "/rules": "User-agent: *\nDisallow: /private\n"}
    code, pages = crawl(site, "/")
    check("rules behind a redirect hold", code == 0 and set(pages) == {"/", "/open"}, pages)

    code, pages = crawl({**site, "/rules": (302, "", "/robots.txt")}, "/")
    check("rules that redirect for ever are none", code == 0 and set(pages) == {"/", "/open", "/private"}, pages)

    code, pages = crawl({**site, "/robots.txt": (503, "")}, "/")
    check("nothing is requested while the server cannot say what is allowed, and the error says so",
          code == 3 and [page["error"] for page in pages.values()] == ["robots.txt: status 503"], pages)


def scope():
    site = {"/docs/a.html?from=/x/y": links("b.html", "/docs/deep/c.html", "/elsewhere"), "/docs/b.html": "",
            "/docs/deep/c.html": "", "/elsewhere": ""}
    code, pages = crawl(site, "/docs/a.html?from=/x/y", "--scope", "prefix")
    check("the folder of a seed ends before its query",
          code == 0 and set(pages) == {"/docs/a.html?from=/x/y", "/docs/b.html", "/docs/deep/c.html"}, pages)


def descriptors():
    names = [f"/{number}" for number in range(300)]
    site = {"/": links(*names), **{name: "" for name in names}}
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    code, pages = crawl(site, "/", "--concurrency", "200",
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
    check("more requests at a time than the soft limit of descriptors", code == 0 and len(pages) == 301, code)


def lag():
    """How long the loop stood still for the last page of a crawl, which is its only one: 4 MB of links to elsewhere."""
    worst = {}
    with serving({"/": links(*(f"https://other.example/{number}" for number in range(4_000_000 // 45)))}) as address:
        for mode in ("workers", "inline"):
            program = start(address + "/", "--parse", mode)
            _, err = program.communicate(timeout=60)
            assert program.returncode == 0, err
            worst[mode] = float(re.search(r"worst lag of the loop: ([0-9.]+) ms", err)[1])
    check("a page of 4 MB holds the loop when it is parsed there, and less when it is not",
          worst["inline"] > 15 and worst["workers"] < worst["inline"] / 2, worst)
    print(f"    worst lag: {worst['workers']} ms with workers, {worst['inline']} ms inline")


def main():
    in_workers = demo()
    inline = demo("--parse", "inline")
    check("parsing in workers and inline finds the same pages", set(in_workers) == set(inline))
    check("the page whose parser crashes is recorded as such",
          [page["error"] for page in in_workers.values() if page["error"]] == ["parser crashed"])

    for arguments in ([], ["--demo", "http://127.0.0.1/"], ["https://127.0.0.1/"], ["--nonsense"], ["--demo", "--workers", "0"],
                      ["--demo", "--depth", "-1"]):
        program = start(*arguments)
        program.communicate(timeout=20)
        check(f"usage error for {arguments}", program.returncode == 2, program.returncode)
    program = start("http://127.0.0.1:1/")
    program.communicate(timeout=20)
    check("a seed that cannot be had is exit code 3", program.returncode == 3, program.returncode)
    code, pages = crawl({}, "/missing")
    check("so is one that is not there", code == 3 and pages["/missing"]["status"] == 404, pages)
    program = start("--demo", "--jsonl", "/nonexistent/file")
    program.communicate(timeout=20)
    check("an output that cannot be had is exit code 3", program.returncode == 3, program.returncode)

    rules()
    scope()
    descriptors()
    slow_reader()
    lag()

    program = start("--demo")
    _, workers = wait_for_workers(program, 2)
    os.kill(workers[0], signal.SIGKILL)
    _, err = program.communicate(timeout=60)
    check("a worker killed in mid-crawl costs at most one more try", program.returncode == 0 and "it matches" in err
          and ("again after a worker died: 1;" in err or "again after a worker died: 2;" in err), err)

    program = start("--demo")
    zygotes, workers = wait_for_workers(program, 2)
    program.kill()
    program.communicate(timeout=20)
    check("a crawl that is killed leaves no process", gone_within(1, zygotes + workers))

    program = start("--demo")
    zygotes, workers = wait_for_workers(program, 2)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=20)
    check("Ctrl-C is exit code 130, with a summary, and no process left",
          program.returncode == 130 and "pages in" in err and gone_within(1, zygotes + workers), f"{program.returncode} {err}")


main()
