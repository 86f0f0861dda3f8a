"""Calls into worker processes from Python: ProcessPoolExecutor, the same awaited by asyncio, multiprocessing.Pool.
`pool_executor.py` prints a line of JSON for each measure; it takes some ten seconds."""
import asyncio
import concurrent.futures
import json
import multiprocessing
import os
import time

MEBIBYTE = bytes(1 << 20)
WORDS = (7,) * 8


def add(words):
    return words[:7] + (sum(words),)


def first_and_last(data):
    return data[0] + data[-1]


def work(number):
    if number == 50:
        os.abort()
    time.sleep(0.001)
    return number


def tell(peer, bench, value, unit="us"):
    print(json.dumps({"peer": peer, "bench": bench, "unit": unit, "value": round(value, 2)}), flush=True)


def microseconds_each(count, call):
    for _ in range(count // 20 + 1):
        call()
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count * 1e6


def executors(workers):
    return concurrent.futures.ProcessPoolExecutor(workers)


async def awaited_one_by_one(count):
    loop = asyncio.get_running_loop()
    with executors(1) as pool:
        for _ in range(100):
            await loop.run_in_executor(pool, add, WORDS)
        start = time.perf_counter()
        for _ in range(count):
            await loop.run_in_executor(pool, add, WORDS)
        return (time.perf_counter() - start) / count * 1e6


async def sixteen_callers(count):
    loop = asyncio.get_running_loop()

    async def caller(pool, calls):
        for _ in range(calls):
            await loop.run_in_executor(pool, add, WORDS)

    with executors(2) as pool:
        await asyncio.gather(*(caller(pool, 20) for _ in range(16)))
        start = time.perf_counter()
        await asyncio.gather(*(caller(pool, count // 16) for _ in range(16)))
        return (time.perf_counter() - start) / count * 1e6


def in_chunks(count):
    with executors(2) as pool:
        list(pool.map(add, [WORDS] * 1000, chunksize=100))
        start = time.perf_counter()
        list(pool.map(add, [WORDS] * count, chunksize=100))
        return (time.perf_counter() - start) / count * 1e6


def lost_by_executor():
    with executors(2) as pool:
        tasks = [pool.submit(work, number) for number in range(100)]
        return sum(task.exception() is not None for task in tasks)


def lost_by_pool():
    """Those that are not answered after two seconds: it never tells that one has crashed."""
    with multiprocessing.Pool(2) as pool:
        tasks = [pool.apply_async(work, (number,)) for number in range(100)]
        time.sleep(2)
        return sum(not task.ready() for task in tasks)


def crash_to_ready(count):
    """A broken executor takes no more calls: another one has to be made."""
    start = time.perf_counter()
    for _ in range(count):
        with executors(1) as pool:
            assert pool.submit(os.abort).exception()
        with executors(1) as pool:
            pool.submit(add, WORDS).result()
    return (time.perf_counter() - start) / count * 1e6


def main():
    executor, pool_name = "ProcessPoolExecutor", "multiprocessing.Pool"
    with executors(1) as pool:
        tell(executor, "round_trip", microseconds_each(3000, lambda: pool.submit(add, WORDS).result()))
        tell(executor, "payload", microseconds_each(200, lambda: pool.submit(first_and_last, MEBIBYTE).result()))
    with multiprocessing.Pool(1) as pool:
        tell(pool_name, "round_trip", microseconds_each(3000, lambda: pool.apply(add, (WORDS,))))
        tell(pool_name, "payload", microseconds_each(200, lambda: pool.apply(first_and_last, (MEBIBYTE,))))
    tell("asyncio run_in_executor", "round_trip", asyncio.run(awaited_one_by_one(3000)))
    tell(executor, "tasks", asyncio.run(sixteen_callers(16_000)))
    tell(executor, "tasks_in_chunks_of_100", in_chunks(200_000))
    tell(executor, "lost_by_a_crash_of_100", lost_by_executor(), "tasks")
    tell(pool_name, "lost_by_a_crash_of_100", lost_by_pool(), "tasks")
    tell(executor, "crash_to_ready", crash_to_ready(10))


if __name__ == "__main__":
    main()
