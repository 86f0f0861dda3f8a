#!/usr/bin/env python3
"""check_socket_examples.py UDP_ECHO UNIX_CHAT PORT_SCAN: the small examples of sockets from outside."""
import os
import signal
import socket
import subprocess
import sys
import tempfile

UDP_ECHO, UNIX_CHAT, PORT_SCAN = sys.argv[1:]
PATIENCE = 20  # seconds; for what should take none


def check(what, condition, detail=""):
    assert condition, f"{what}: {detail}"
    print(f"ok: {what}")


class Server:
    """Runs it until it says where it listens, and ends it with SIGINT."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.where = self.process.stdout.readline().removeprefix("listening on ").strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        check("Ctrl-C ends it with 130", code == 130, code)


def udp_echo():
    with Server(UDP_ECHO, "0") as server:
        host, port = server.where.split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            for text in (b"hello", b"", b"x" * 60000):
                client.sendto(text, (host, int(port)))
                check(f"a datagram of {len(text)} bytes comes back", client.recv(65536) == text)
            udp_segment = 103
            client.setsockopt(socket.IPPROTO_UDP, udp_segment, 100)
            client.sendto(b"a" * 100 + b"b" * 100 + b"c" * 7, (host, int(port)))
            client.setsockopt(socket.IPPROTO_UDP, udp_segment, 0)
            got = [client.recv(65536) for _ in range(3)]
            check("segments that came together come back as they were", got == [b"a" * 100, b"b" * 100, b"c" * 7], got)


class Member:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def say(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def hears(self):
        return self.file.readline().decode().rstrip("\n")

    def leave(self):
        self.file.close()
        self.socket.close()


def unix_chat(folder):
    path = os.path.join(folder, "room")
    with Server(UNIX_CHAT, path):
        one = Member(path)
        two = Member(path)
        check("who is there hears who comes", one.hears() == "member 2 has come")
        slow = Member(path)
        check("and so do the others", one.hears() == "member 3 has come" == two.hears())
        one.say("hello")
        check("a line goes to the others", two.hears() == "member 1: hello")
        two.say("hello yourself")
        check("and not back to who wrote it", one.hears() == "member 2: hello yourself")

        # `slow` reads nothing: its socket fills, then its queue, and it is out. The others get every line.
        said = 0
        heard = []
        while "member 3 has gone" not in heard:
            assert said < 20000, "a member that reads nothing is waited for"
            one.say("x" * 1000)
            said += 1
            heard.append(two.hears())
        lines = [line for line in heard if line != "member 3 has gone"]
        while len(lines) < said:
            lines.append(two.hears())
        check("a member that is slow is dropped, and the others get every line",
              all(line == "member 1: " + "x" * 1000 for line in lines), f"{said} lines")
        check("he who wrote hears of it", one.hears() == "member 3 has gone")
        two.leave()
        check("who leaves is said to have gone", one.hears() == "member 2 has gone")
        one.socket.sendall(b"y" * 5000)
        check("a line without an end is the end of its writer", one.file.read() == b"")
        one.leave()
        slow.leave()
    check("the socket's file is gone with the room", not os.path.exists(path))


def scan(*arguments):
    run = subprocess.run([PORT_SCAN, *arguments], capture_output=True, text=True, timeout=PATIENCE)
    return run.returncode, run.stdout.split(), run.stderr


def port_scan():
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = sorted((one.getsockname()[1], two.getsockname()[1]))
        code, found, _ = scan("127.0.0.1", str(max(1, ports[0] - 300)), str(min(65535, ports[1] + 300)))
        check("open ports are found", code == 0 and {str(port) for port in ports} <= set(found), found)
        closed = two.getsockname()[1]
    code, found, _ = scan("127.0.0.1", str(closed))
    check("a closed port is not", code == 0 and found == [], found)
    for arguments in (["192.0.2.1"], ["localhost"], ["127.0.0.1", "0"], ["127.0.0.1", "9", "8"], ["127.0.0.1", "65536"],
                      ["0.0.0.0", "1"], ["::ffff:192.0.2.1", "1"]):
        code, _, complaint = scan(*arguments)
        check(f"refused: {' '.join(arguments)}", code == 2 and "usage" in complaint, code)


udp_echo()
with tempfile.TemporaryDirectory() as scratch:
    unix_chat(scratch)
port_scan()
