"""What a connection that has nothing to say takes in a server's memory."""
import re
import socket
import time

MESSAGE = b"x" * 64
# Connections before it counts: the server has its code, its free lists and its tables, and was lent each of the buffers
# that all connections share (ringmill has 256).
WARM = 300


def resident_bytes(process):
    """To the page. /proc/PID/statm was wrong by 80 KiB: the kernel counts on each core by itself, and adds up later."""
    with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Rss:\s+(\d+) kB", file.read(), re.MULTILINE)[1]) * 1024


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
