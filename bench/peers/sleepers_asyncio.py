"""A million tasks that sleep until one moment, in asyncio: `sleepers_asyncio.py COUNT SECONDS`. Prints what each takes in
memory, and how long it took to start and to end them, without the sleep."""
import asyncio
import gc
import json
import sys
import time


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


async def sleeper(deadline):
    await asyncio.sleep(deadline - time.monotonic())


async def main(count, seconds):
    gc.disable()  # it would look at all that there is again and again, which takes nearly as long as all the rest
    before = resident_bytes()
    start = time.monotonic()
    deadline = start + seconds
    tasks = [asyncio.create_task(sleeper(deadline)) for _ in range(count)]
    await asyncio.sleep(0)  # now all of them sleep
    started = time.monotonic()
    size = (resident_bytes() - before) / count
    for task in tasks:
        await task
    end = time.monotonic()
    assert started < deadline, "not all of them slept before the first one woke: give more seconds"
    print(json.dumps({"bytes": size, "seconds": started - start + end - deadline}))


asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
