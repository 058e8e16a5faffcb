"""A FastAPI app with Dormouse inside: each of its users has a memory of their own; one engine answers.

It serves on loopback, is a client of itself for a moment, and ends. Put your own login where `me` is.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import httpx2
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from dormouse import Spec
from dormouse.runtime.scopes import Scopes

USERS = {"key-of-ada": "ada", "key-of-bo": "bo"}


class Said(BaseModel):
    """What a user says."""

    text: str = Field(min_length=1, max_length=2000)


def me(x_key: Annotated[str, Header()] = "") -> str:
    """Who is asking."""
    if x_key not in USERS:
        raise HTTPException(401)
    return USERS[x_key]


Me = Annotated[str, Depends(me)]


def make_app(scopes: Scopes) -> FastAPI:
    """The app. Its routes are plain functions, which FastAPI runs in threads, for answering takes a while."""
    app = FastAPI()

    @app.post("/chat")
    def chat(said: Said, user: Me) -> StreamingResponse:
        def pieces() -> Iterator[str]:
            with scopes.using(user) as agent, agent.stream(said.text) as answer:
                yield from answer  # a client that goes away closes the answer: the engine is free again

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/recall")
    def recall(query: str, user: Me) -> list[str]:
        with scopes.using(user) as agent:
            return [turn.content for turn, _ in agent.recall(query)]

    @app.delete("/memories")
    def forget(matching: str, user: Me) -> dict[str, int]:
        with scopes.using(user) as agent:
            return {"forgotten": len(agent.forget(matching=matching).forgotten)}

    return app


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The app on a free port of this machine, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def be_a_client(url: str) -> None:
    """Talk as two users, and see that neither learns of the other."""
    ada, bo = (httpx2.Client(base_url=url, headers={"x-key": key}, timeout=120) for key in USERS)
    with ada, bo:
        for client, text in ((ada, "My parrot Quibble speaks Danish."), (bo, "My boat is called Marigold.")):
            with client.stream("POST", "/chat", json={"text": text}) as answer:
                assert answer.status_code == 200
                print(f"{text}\n  {''.join(answer.iter_text())}")
        print("ada's:", ada.get("/recall", params={"query": "What is my parrot called?"}).json())
        assert ada.get("/recall", params={"query": "parrot"}).json() == ["My parrot Quibble speaks Danish."]
        assert "Quibble" not in bo.get("/recall", params={"query": "parrot Quibble"}).text
        print("forgotten:", ada.delete("/memories", params={"matching": "Quibble"}).json())
        assert "Quibble" not in ada.get("/recall", params={"query": "parrot Quibble"}).text
        assert httpx2.get(f"{url}/recall", params={"query": "parrot"}).status_code == 401


if __name__ == "__main__":
    spec = Spec.model_validate({"memory": {"context": {"max_answer_tokens": 48}}})
    with TemporaryDirectory() as folder:
        home = Path(os.environ.get("DORMOUSE_HOME", folder))
        with (
            Scopes(spec, home, owner="owner", command="the FastAPI example") as scopes,
            serving(make_app(scopes)) as url,
        ):
            be_a_client(url)
