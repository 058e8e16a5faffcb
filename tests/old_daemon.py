"""A daemon of an earlier version as a program: `python old_daemon.py HOME`. It owns the home, and its door
refuses clients of today. Ends when it is told to.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

from dormouse.memory.home import Home

VERSION = 1
REFUSAL = {"kind": "DoorError", "text": "The daemon cannot be used: it speaks version 1 of its protocol."}


def main(folder: str) -> None:
    with Home.open(Path(folder), command="dormouse daemon") as home:
        door = home.path / "door"
        door.mkdir(mode=0o700)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(door / "socket"))
        listener.listen()
        print("ready", flush=True)
        while True:
            peer, _ = listener.accept()
            hello = json.loads(peer.makefile().readline())
            answer = {"dormouse": VERSION} if hello["dormouse"] == VERSION else {"error": REFUSAL}
            peer.sendall(json.dumps(answer).encode() + b"\n")
            peer.close()


if __name__ == "__main__":
    main(sys.argv[1])
