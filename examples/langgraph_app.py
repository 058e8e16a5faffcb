"""A LangGraph app of one's own: its graph, our chat model, and our store for what it keeps between threads.

A travel desk. What travellers say is kept by DormouseStore, found by meaning in later threads, and answered
by ChatDormouse, which also fills in a form: held to its schema, so that it is valid whatever the model.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypedDict

from langchain_core.messages import HumanMessage, SystemMessage
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, Field

from dormouse.graphs.items import DormouseStore
from dormouse.memory.episodes.embedder import open_embedder
from dormouse.memory.episodes.records import Scope
from dormouse.memory.home import cache_path
from dormouse.runtime.apps.chat_model import ChatDormouse


class Ticket(BaseModel):
    """What the desk books."""

    city: str = Field(min_length=1, max_length=24)
    seat: Literal["window", "aisle"]
    days: int = Field(ge=1, le=30)


@dataclass
class Traveller:
    """Who is speaking: each has a namespace of their own in the store."""

    name: str


class Desk(TypedDict, total=False):
    """What the nodes leave each other."""

    said: str
    known: list[str]
    answer: str
    ticket: Ticket


model = ChatDormouse(max_tokens=48)


def look_up(state: Desk, runtime: Runtime[Traveller]) -> Desk:
    """What this traveller said before, in any thread, that bears on what they say now."""
    assert runtime.store is not None
    found = runtime.store.search((runtime.context.name, "said"), query=state["said"], limit=2)
    return {"known": [item.value["text"] for item in found]}


def answer(state: Desk) -> Desk:
    """Say something, with what is known in view."""
    known = "".join(f"\n- {text}" for text in state["known"])
    system = "You work at a travel desk. Be brief." + (f" You know this of the user:{known}" if known else "")
    return {"answer": model.invoke([SystemMessage(system), HumanMessage(state["said"])]).text}


def book(state: Desk) -> Desk:
    """Fill in the form."""
    ticket = model.with_structured_output(Ticket).invoke("\n".join([*state["known"], state["said"]]))
    assert isinstance(ticket, Ticket)
    return {"ticket": ticket}


def keep(state: Desk, runtime: Runtime[Traveller]) -> None:
    """Keep what was said, for later threads."""
    assert runtime.store is not None
    space = (runtime.context.name, "said")
    runtime.store.put(space, str(len(runtime.store.search(space, limit=1000))), {"text": state["said"]})


def wanted(state: Desk) -> Literal["book", "keep"]:
    """Whether a ticket is asked for."""
    return "book" if "book" in state["said"].lower() else "keep"


with (
    TemporaryDirectory() as folder,
    open_embedder("minilm", cache_path()) as embedder,
    DormouseStore(
        Path(os.environ.get("DORMOUSE_HOME", folder)) / "desk", Scope(agent="desk"), embedder=embedder
    ) as store,
):
    builder = StateGraph(Desk, context_schema=Traveller)
    builder.add_node("look_up", look_up)
    builder.add_node("answer", answer)
    builder.add_node("book", book)
    builder.add_node("keep", keep)
    builder.add_edge(START, "look_up")
    builder.add_edge("look_up", "answer")
    builder.add_conditional_edges("answer", wanted)
    builder.add_edge("book", "keep")
    builder.add_edge("keep", END)
    desk = builder.compile(store=store)

    for name, said in (
        ("ada", "I get sick unless I can look out of the window."),
        ("bo", "I need the aisle, my knees are long."),
        ("ada", "My sister lives in Tromso."),
        ("ada", "Please book me a flight to see my sister."),
        ("bo", "Book me four days in Rome."),
    ):
        end = desk.invoke({"said": said}, context=Traveller(name))
        print(f"{name}: {said}\n  known: {end['known']}\n  desk: {end['answer']}")
        if "ticket" in end:
            print(f"  ticket: {end['ticket']}")

    adas, bos = (
        {item.value["text"] for item in store.search((name, "said"), limit=10)} for name in ("ada", "bo")
    )
    assert len(adas) == 3 and len(bos) == 2 and not adas & bos
