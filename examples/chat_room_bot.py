"""A bot in a chat room, as on Discord: many people, one bot, and for each of them a memory of their own.

The room is simulated and ends by itself. With discord.py, `Room` goes, and `on_message` is called by
`discord.Client`: its `Message` has the same `author.id`, `content` and `channel.send`.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from dormouse import Spec
from dormouse.runtime.scopes import Scopes

NAME = "@dormouse"


@dataclass(frozen=True)
class Message:
    """What somebody said in a channel."""

    author: int
    content: str
    channel: "Room"


@dataclass
class Room:
    """A channel: what is said in it goes to whoever listens, the bot among them."""

    listener: Callable[[Message], Awaitable[None]]
    lines: list[str] = field(default_factory=list)

    async def say(self, author: int, content: str) -> None:
        """Say something as a user."""
        self.lines.append(f"{author}: {content}")
        await self.listener(Message(author, content, self))

    async def send(self, content: str) -> None:
        """Say something as the bot."""
        self.lines.append(f"bot: {content}")


class Bot:
    """Listens to everybody, remembers for each what they said, and answers who names it.

    Who an author is, is the chat service's word; what an author says never chooses whose memory is used.
    """

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self._answering: dict[int, asyncio.Lock] = {}

    async def on_message(self, message: Message) -> None:
        """Each author's messages are taken in the order they came; the authors do not wait for each other."""
        async with self._answering.setdefault(message.author, asyncio.Lock()):
            answer = await asyncio.to_thread(self._taken, message)
        if answer:
            await message.channel.send(answer)

    def _taken(self, message: Message) -> str:
        text = message.content.replace(NAME, "").strip()
        with self._scopes.using(f"u{message.author}") as agent:
            if NAME in message.content and text:
                return agent.chat(text, session="room").text
            if text:
                agent.remember(text, "room")  # heard, and not answered
        return ""


async def evening(room: Room) -> None:
    """Three people talk at the same time, each in their own order."""

    async def person(author: int, *lines: str) -> None:
        for line in lines:
            await room.say(author, line)

    await asyncio.gather(
        person(11, "My cat Pixel ate a bee.", f"{NAME} What is my cat called?"),
        person(22, f"{NAME} I play the bassoon on Sundays.", f"{NAME} What is 11's cat called?"),
        person(33, "Moving house on Friday!", f"{NAME} When do I move house?"),
    )


with TemporaryDirectory() as folder:
    spec = Spec.model_validate({"memory": {"context": {"max_answer_tokens": 32}}})
    home = Path(os.environ.get("DORMOUSE_HOME", folder))
    with Scopes(spec, home, owner="owner", command="the chat room example") as scopes:
        room = Room(Bot(scopes).on_message)
        asyncio.run(evening(room))
        print("\n".join(room.lines))

        assert sum(line.startswith("bot: ") for line in room.lines) == 4
        for author, own in ((11, "Pixel"), (22, "bassoon"), (33, "Friday")):
            with scopes.using(f"u{author}") as agent:
                said = [turn.content for turn in agent.turns("room") if turn.role == "user"]
                found = [turn.content for turn, _ in agent.recall("cat Pixel bassoon house Friday", 10)]
            assert own in said[0] and said[0] in found and not set(found) - set(said)
