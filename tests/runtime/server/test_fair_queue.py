"""The queue in front of the engine: users in turn, and nobody who left is waited for."""

from __future__ import annotations

import asyncio

import pytest

from dormouse.runtime.server.fair_queue import FairQueue, QueueFull


def test_users_are_served_in_turn() -> None:
    async def run() -> list[str]:
        queue, order = FairQueue(100, 100), list[str]()

        async def one(user: str, number: int) -> None:
            await queue.acquire(user)
            order.append(f"{user}{number}")
            await asyncio.sleep(0)
            queue.release()

        await queue.acquire("first")
        tasks = [asyncio.create_task(one("a", n)) for n in range(4)]
        tasks += [asyncio.create_task(one("b", n)) for n in range(2)]
        await asyncio.sleep(0)
        assert queue.waiting == 6
        queue.release()
        await asyncio.gather(*tasks)
        assert not queue.busy
        return order

    assert asyncio.run(run()) == ["a0", "b0", "a1", "b1", "a2", "a3"]


def test_who_leaves_is_forgotten_even_when_just_called() -> None:
    async def run() -> None:
        queue = FairQueue(100, 100)
        await queue.acquire("a")
        waiting = [asyncio.create_task(queue.acquire(user)) for user in "bcd"]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert queue.waiting == 2
        queue.release()  # calls c, who leaves in the same moment
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert queue.busy and queue.waiting == 0 and waiting[2].exception() is None
        queue.release()
        assert not queue.busy

    asyncio.run(run())


def test_a_full_queue_says_whose_turns_fill_it() -> None:
    async def run() -> None:
        queue = FairQueue(3, 2)
        await queue.acquire("a")
        tasks = [asyncio.create_task(queue.acquire("a")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFull) as own:
            queue.check("a")
        tasks.append(asyncio.create_task(queue.acquire("b")))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull) as all_of_them:
            queue.check("c")
        assert own.value.own and not all_of_them.value.own
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
