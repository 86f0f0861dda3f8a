#!/usr/bin/env python3
"""check_embed_epoll.py EMBED_EPOLL: the example from outside: the program's own loop and the tasks in it both get on."""
import socket
import subprocess
import sys

program = subprocess.Popen([sys.argv[1], "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def check(what, condition, detail=""):
    assert condition, f"{what}: {detail}"
    print(f"ok: {what}")


def ask(command):
    program.stdin.write(command + "\n")
    program.stdin.flush()
    return program.stdout.readline().strip()


try:
    port = int(program.stdout.readline().rsplit(":", 1)[1])
    clients = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(10)]
    for number, client in enumerate(clients):
        text = f"client {number}".encode()
        client.sendall(text)
        check(f"client {number} is echoed", client.recv(100) == text)
    check("the program's own loop answers meanwhile", ask("clients") == "10")
    clients.pop().close()
    while (count := ask("clients")) != "9":
        assert count == "10", count
    check("it sees what the tasks do", True)
    program.stdin.write("quit\n")
    program.stdin.flush()
    check("it ends with its clients connected", program.wait(timeout=20) == 0, program.returncode)
finally:
    program.kill()
    program.wait()
