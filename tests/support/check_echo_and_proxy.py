#!/usr/bin/env python3
"""check_echo_and_proxy.py ECHO_SERVER TCP_PROXY: both programs from outside, the one in front of the other."""
import socket
import subprocess
import sys
import threading

from listening_program import listening_program

ECHO, PROXY = sys.argv[1:3]
DATA = bytes(range(256)) * 8000  # 2 MB: more than all buffers on the way


def check(what, condition, detail=""):
    assert condition, f"{what}: {detail}"
    print(f"ok: {what}")


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def read_to_end(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


def round_trip(port, data):
    """Sends all, ends that direction, and gives what comes back until the end."""
    with connect(port) as connection:
        def send():
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        got = read_to_end(connection)
        sender.join()
        return got


def reset(connection):
    """The peer is told that the connection has failed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def main():
    with listening_program(ECHO, "0") as echo:
        check("the echo server gives two megabytes back", round_trip(echo.port, DATA) == DATA)
        reset(connect(echo.port))
        check("and goes on after a client that resets its connection", round_trip(echo.port, b"still there") == b"still there")

        with listening_program(PROXY, "--listen", "0", "--target", f"127.0.0.1:{echo.port}") as proxy:
            check("the same through the proxy, ends included", round_trip(proxy.port, DATA) == DATA)
            results = []
            threads = [threading.Thread(target=lambda: results.append(round_trip(proxy.port, b"x" * 10_000))) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            check("twenty clients at once", results == [b"x" * 10_000] * 20)
            code, out, err = proxy.interrupt()
            total = len(DATA) + 20 * 10_000
            expected = f"21 clients, 0 of them failed; {total} bytes to the target, {total} back\n"
            check("Ctrl-C is exit code 130, and it says what it did", code == 130 and out == expected, f"{code} {out} {err}")

        with listening_program(PROXY, "--listen", "0", "--target", f"127.0.0.1:{echo.port}", "--limit", "1", "--idle", "1") as proxy:
            first = connect(proxy.port)
            first.sendall(b"first")
            check("the one client that is allowed is served", first.recv(100) == b"first")
            second = connect(proxy.port)
            second.sendall(b"second")
            check("the next one is served when the idle timeout has ended the first",
                  second.recv(100) == b"second" and first.recv(100) == b"")
            first.close()
            second.close()
            code, out, err = proxy.interrupt()
            check("and it says why", code == 130 and "a client: nothing was copied for too long: idle timeout" in err, err)

        code, _, _ = echo.interrupt()
        check("Ctrl-C ends the echo server", code == 130, code)

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and not listening
        with listening_program(PROXY, "--listen", "0", "--target", f"127.0.0.1:{nobody.getsockname()[1]}") as proxy:
            check("a target that refuses costs the client its connection", round_trip(proxy.port, b"") == b"")
            code, out, err = proxy.interrupt()
            check("and nothing else", code == 130 and out.startswith("1 clients, 1 of them failed") and "refused" in err, out + err)

    for command in ([ECHO, "seventy"], [ECHO, "70000"], [PROXY], [PROXY, "--target", "nowhere"],
                    [PROXY, "--target", "127.0.0.1:0"], [PROXY, "--target", "127.0.0.1:1", "--limit", "0"]):
        program = subprocess.run(command, capture_output=True, timeout=20)
        check(f"usage error for {command[1:]}", program.returncode == 2, program.returncode)


main()
