"""Talk to an agent from a script. With --sleep it is also put to sleep, which takes some minutes.

Needs nothing but the package: the embedded base answers. The home is DORMOUSE_HOME, else a folder that is
thrown away.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dormouse import Agent, Spec

spec = Spec.load(Path(__file__).with_name("assistant.yaml"))

with TemporaryDirectory() as folder, Agent(spec, home=os.environ.get("DORMOUSE_HOME", folder)) as agent:
    agent.chat("Annika, my sister, just became a vet. We celebrate on Sunday.")
    for piece in agent.stream("My dog is called Zorbal."):
        print(piece, end="", flush=True)
    print()

    agent.new_session()  # an empty context: what was said stands in the journal, and is looked up there
    answer = agent.ask("What is my dog called?", tiers="store")
    print(f"{answer.answer!r}, having looked at turns {list(answer.sources)}")

    if "--sleep" in sys.argv:
        night = agent.sleep(
            lambda step: print(f"{step.stage} {step.done:.0f} of {step.total:.0f} {step.note}")
        )
        print(night.status, [memory["statement"] for memory in night.memories])
        print(agent.ask("What is my dog called?", tiers="weights").answer)
