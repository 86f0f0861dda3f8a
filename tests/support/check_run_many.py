#!/usr/bin/env python3
"""check_run_many.py RUN_MANY: the example from outside: its output, its exit codes, and what Ctrl-C leaves."""
import signal
import subprocess
import sys
import time

RUN_MANY = sys.argv[1]


def run(*arguments, text=""):
    return subprocess.run([RUN_MANY, *arguments], input=text, capture_output=True, text=True, timeout=60)


def check(what, condition, detail=""):
    assert condition, f"{what}: {detail}"
    print(f"ok: {what}")


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(seconds, pids):
    limit = time.monotonic() + seconds
    while any(is_running(pid) for pid in pids):
        if time.monotonic() > limit:
            return False
        time.sleep(0.002)
    return True


def interrupted():
    """Starts commands that go on for ever, one of them with a child that ignores SIGTERM; gives exit code and pids."""
    program = subprocess.Popen([RUN_MANY, "-j", "2", "echo $$; exec sleep 1000",
                                "(trap '' TERM; echo $(exec sh -c 'echo $PPID'); exec sleep 1000) & echo $$; wait"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pids = [int(program.stdout.readline().split()[1]) for _ in range(3)]
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=20)
    return program.returncode, pids


result = run("echo one", "printf two; echo three >&2")
check("each line has its command's number in front, standard error among them",
      sorted(result.stdout.splitlines()) == ["1: one", "2: twothree"] and result.returncode == 0, result)

result = run("true", "exit 3", "kill -USR1 $$")
check("one that fails makes the exit code 1, and is named",
      result.returncode == 1 and sorted(result.stdout.splitlines()) == ["2: exited with 3", "3: killed by SIGUSR1"], result)

result = run("-j", "50", text="".join(f"echo {i}; sleep 0.2\n" for i in range(50)))
check("commands come from standard input, too", len(result.stdout.splitlines()) == 50 and result.returncode == 0, result)

start = time.monotonic()
result = run("-j", "1", "sleep 0.1; echo a", "sleep 0.05; echo b", "echo c")
check("one at a time means one after the other",
      result.stdout == "1: a\n2: b\n3: c\n" and time.monotonic() - start >= 0.15, result)

for arguments in (["-j"], ["-j", "0"], ["-j", "x"]):
    check(f"usage error for {arguments}", run(*arguments).returncode == 2)

code, pids = interrupted()
check("Ctrl-C is exit code 130, and nothing that was started goes on", code == 130 and gone_within(5, pids), (code, pids))
