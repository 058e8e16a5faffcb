"""The queue in front of the engine: users in turn, and nobody who left is waited for."""

from __future__ import annotations

import asyncio

import pytest

from dormouse.runtime.server.fair_queue import FairQueue, Place, QueueFull


def test_users_are_served_in_turn() -> None:
    async def run() -> list[str]:
        queue, order = FairQueue(100, 100), list[str]()

        async def one(user: str, number: int) -> None:
            with queue.place(user) as place:
                await place.begin()
                order.append(f"{user}{number}")
                await asyncio.sleep(0)

        first = queue.place("first")
        await first.begin()
        tasks = [asyncio.create_task(one("a", n)) for n in range(4)]
        tasks += [asyncio.create_task(one("b", n)) for n in range(2)]
        await asyncio.sleep(0)
        assert queue.waiting == 6
        first.leave()
        await asyncio.gather(*tasks)
        assert not queue.busy
        return order

    assert asyncio.run(run()) == ["a0", "b0", "a1", "b1", "a2", "a3"]


def test_who_leaves_is_forgotten_even_when_just_called() -> None:
    async def run() -> None:
        queue = FairQueue(100, 100)
        first, places = queue.place("a"), [queue.place(user) for user in "bcd"]
        await first.begin()
        waiting = [asyncio.create_task(place.begin()) for place in places]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert queue.waiting == 2
        first.end()  # calls c, who leaves in the same moment
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert queue.busy and queue.waiting == 0 and waiting[2].exception() is None
        places[2].leave()
        places[2].leave()
        assert not queue.busy

    asyncio.run(run())


def test_one_place_may_take_several_turns_and_lets_others_between_them() -> None:
    async def run() -> None:
        queue = FairQueue(1, 1)
        one, other = queue.place("a"), queue.place("b")
        await one.begin()
        others_turn = asyncio.create_task(other.begin())
        await asyncio.sleep(0)
        one.end()
        again = asyncio.create_task(one.begin())
        await others_turn
        assert not again.done()
        other.leave()
        await again

    asyncio.run(run())


def test_a_full_queue_says_whose_turns_fill_it() -> None:
    async def run() -> None:
        queue = FairQueue(3, 2)
        places = [queue.place("a")]
        await places[0].begin()
        places += [queue.place("a"), queue.place("a")]
        with pytest.raises(QueueFull) as own:
            queue.place("a")
        places.append(queue.place("b"))
        with pytest.raises(QueueFull) as all_of_them:
            queue.place("c")
        assert own.value.own and not all_of_them.value.own
        for place in places:
            place.leave()
        assert isinstance(queue.place("c"), Place)

    asyncio.run(run())


def test_a_place_counts_from_when_it_is_taken_and_once_taken_is_never_refused() -> None:
    async def run() -> list[str]:
        queue, served = FairQueue(longest=1, longest_each=1), list[str]()

        async def one(user: str) -> None:
            with queue.place(user) as place:
                await asyncio.sleep(0)  # something is done first: its words are journaled
                await place.begin()
                served.append(user)
                await asyncio.sleep(0)

        ended = await asyncio.gather(*(one("a") for _ in range(5)), return_exceptions=True)
        assert [type(end) for end in ended] == [type(None), type(None), QueueFull, QueueFull, QueueFull]
        return served

    assert asyncio.run(run()) == ["a", "a"]
