"""The lock that serves callers in the order they came."""

from __future__ import annotations

import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dormouse.memory.fifo_lock import FifoLock, WouldWaitForItself


def test_first_come_first_served() -> None:
    lock, served = FifoLock(), list[int]()
    held = lock.acquire()

    def work(n: int) -> None:
        ticket = lock.acquire()
        served.append(n)
        lock.release(ticket)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for waiting, thread in enumerate(threads, start=1):
        thread.start()
        while len(lock._queue) <= waiting:  # the holder is in it too, so that they come in this order
            time.sleep(0.001)
    lock.release(held)
    for thread in threads:
        thread.join(120)
    assert served == list(range(20))


def test_one_at_a_time() -> None:
    lock, inside, most = FifoLock(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            ticket = lock.acquire()
            inside += 1
            most = max(most, inside)
            time.sleep(0)
            inside -= 1
            lock.release(ticket)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work) for _ in range(6)]:
            done.result(120)
    assert most == 1


def test_waiting_for_oneself_is_seen_even_with_several_locks() -> None:
    first, second = FifoLock(), FifoLock()
    tickets = first.acquire(), second.acquire()
    for lock in (first, second):
        with pytest.raises(WouldWaitForItself):
            lock.acquire()
    first.release(tickets[0])
    second.release(tickets[1])
    first.release(first.acquire())


def test_another_task_on_the_same_thread_waits() -> None:
    """A pool's thread serves many tasks: that one of them holds the lock makes no fault of another's call."""
    lock = FifoLock()
    with ThreadPoolExecutor(1) as pool:
        ticket = pool.submit(contextvars.copy_context().run, lock.acquire).result(120)
        waiting = pool.submit(contextvars.copy_context().run, lock.acquire)
        time.sleep(0.1)
        assert not waiting.done()
        lock.release(ticket)
        lock.release(waiting.result(120))


def test_releasing_twice_frees_nobody_elses_turn() -> None:
    lock = FifoLock()
    first = lock.acquire()
    lock.release(first)
    second = lock.acquire()
    lock.release(first)
    with pytest.raises(WouldWaitForItself):
        lock.acquire()
    lock.release(second)


def test_a_lock_that_is_held_is_not_had_at_once_and_a_free_one_is_for_the_block_alone() -> None:
    lock = FifoLock()
    ticket = lock.acquire()
    with lock.at_once() as had:
        assert not had
    lock.release(ticket)
    with lock.at_once() as had, lock.at_once() as twice:
        assert (had, twice) == (True, False)
    lock.release(lock.acquire())
