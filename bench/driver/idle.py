"""What a connection that has nothing to say takes in a server's memory."""
import os
import socket
import time

MESSAGE = b"x" * 64
WARM = 200  # connections before it counts: the server has its code, its free lists and its tables


def resident_bytes(process):
    with open(f"/proc/{process}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def connection(port):
    """Has echoed one message, so that whatever the server needs for that is there."""
    made = socket.create_connection(("127.0.0.1", port), timeout=10)
    made.sendall(MESSAGE)
    left = len(MESSAGE)
    while left > 0:
        left -= len(made.recv(left)) or left
    return made


def bytes_of_each(port, process, count):
    made = [connection(port) for _ in range(WARM)]
    try:
        time.sleep(0.1)
        before = resident_bytes(process)
        made += [connection(port) for _ in range(count)]
        time.sleep(0.1)
        return max(1, resident_bytes(process) - before) / count
    finally:
        for each in made:
            each.close()
