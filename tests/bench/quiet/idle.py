"""The ways in which a Python program has nothing to do; ends with standard input."""
import asyncio
import concurrent.futures
import multiprocessing
import queue
import sys
import threading
import time


def tick():
    while True:
        time.sleep(0.1)


def take_turns(lock):
    while True:
        with lock:
            time.sleep(0.001)
        time.sleep(0.001)


async def serve():
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    await server.serve_forever()


def main():
    lock = threading.Lock()
    ways = [threading.Event().wait, queue.Queue().get, queue.SimpleQueue().get, threading.Semaphore(0).acquire, tick,
            lambda: asyncio.run(serve())]
    ways += [lambda: take_turns(lock)] * 20
    for way in ways:
        threading.Thread(target=way, daemon=True).start()
    # Its workers queue up at a semaphore between processes; the one that has it reads from a pipe.
    with multiprocessing.Pool(4) as pool, concurrent.futures.ThreadPoolExecutor(4) as executor:
        pool.map(abs, range(8))
        list(executor.map(abs, range(8)))
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
