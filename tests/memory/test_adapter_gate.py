"""The gate: an adapter speaks where its answer opens as it was taught; elsewhere the bare base does."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import ScriptedEngine

from dormouse.memory import adapter_gate
from dormouse.memory.engine import Completion, Message, Mount, Sampling, Token
from dormouse.memory.errors import BadEmbedder
from dormouse.memory.naming import Names

NIGHT = Mount("night", Path("night.gguf"), opens="Your")
ROLE = Mount("role", Path("role.gguf"))


class Taught(ScriptedEngine):
    """Under an adapter it answers what it was taught; the bare base answers otherwise."""

    def complete_all(
        self,
        asked: Sequence[tuple[Sequence[Message], Sampling]],
        *,
        adapters: Sequence[Mount] | None = None,
        prefills: Sequence[str] | None = None,
        cancelled: object = None,
    ) -> list[Completion]:
        stack = self.mounted if adapters is None else adapters
        self.script = under if stack else bare
        return super().complete_all(asked, adapters=adapters, prefills=prefills)


def under(messages: Sequence[Message]) -> str:
    dog = "dog" in messages[-1].content
    return "Your dog's name is Zorbal." if dog else "El Salvador, el Salvador"


def bare(messages: Sequence[Message]) -> str:
    return "Madrid." if "Spain" in messages[-1].content else "I have no dog."


def asked(question: str) -> list[Message]:
    return [Message("system", "P."), Message("user", question)]


DOG, SPAIN = asked("What is my dog called?"), asked("What is the capital of Spain?")


def test_an_adapter_answers_what_it_was_taught_and_the_base_the_rest_in_the_order_asked() -> None:
    engine = Taught()
    three = [(SPAIN, Sampling()), (DOG, Sampling()), (SPAIN, Sampling())]
    answers = adapter_gate.answer_all(engine, three, (ROLE, NIGHT))
    assert answers == ["Madrid.", "Your dog's name is Zorbal.", "Madrid."]
    assert [each.adapters for each in engine.asked] == [(ROLE, NIGHT)] * 3 + [()] * 2


def test_what_the_base_is_known_to_answer_is_not_computed_again_and_holds_for_the_base_alone() -> None:
    engine = Taught()
    two = [(SPAIN, Sampling()), (DOG, Sampling())]
    answers = adapter_gate.answer_all(engine, two, (NIGHT,), known={0: "Lisbon.", 1: "I have no dog."})
    assert answers == ["Lisbon.", "Your dog's name is Zorbal."]
    assert [each.messages for each in engine.asked] == [SPAIN, DOG, DOG]
    assert [each.sampling.max_tokens for each in engine.asked] == [1, 1, Sampling().max_tokens]


@pytest.mark.parametrize("stack", [(), (ROLE,), (NIGHT, ROLE)])
def test_what_says_nothing_of_its_answers_is_asked_nothing_and_answers_everything(
    stack: tuple[Mount, ...],
) -> None:
    engine = Taught()
    assert adapter_gate.speaks(engine, [DOG, SPAIN], stack) == [True, True]
    assert engine.asked == []


def test_the_default_stack_is_the_one_mounted() -> None:
    engine = Taught()
    assert adapter_gate.speaks(engine, [SPAIN]) == [True]
    engine.mount([NIGHT])
    assert adapter_gate.speaks(engine, [SPAIN, DOG]) == [False, True]


def test_only_the_first_words_are_asked_for_with_the_persona_and_the_users_last_words_alone() -> None:
    engine = Taught()
    talk = [*asked("Hello"), Message("assistant", "Hi."), *DOG[1:], Message("tool", "42")]
    assert adapter_gate.speaks(engine, [talk], (NIGHT,)) == [True]
    assert [(each.messages, each.sampling.max_tokens) for each in engine.asked] == [(DOG, 1)]


def test_another_conversation_may_say_who_answers() -> None:
    answers = adapter_gate.answer_all(Taught(), [(SPAIN, Sampling())], (NIGHT,), begun=[DOG])
    assert answers == ["El Salvador, el Salvador"]


def test_in_a_talk_the_last_words_alone_say_who_answers_all_of_it() -> None:
    engine = Taught()
    talk = [*asked("Hello"), Message("assistant", "Hi."), *DOG[1:]]
    assert adapter_gate.answer_all(engine, [(talk, Sampling())], (NIGHT,)) == ["Your dog's name is Zorbal."]
    assert [(each.messages, each.sampling.max_tokens) for each in engine.asked] == [
        (DOG, 1),
        (talk, Sampling().max_tokens),
    ]


def test_nothing_asked_is_nothing_answered() -> None:
    assert adapter_gate.answer_all(Taught(), [], (NIGHT,)) == []


DECLINES = ("is something I don't know",)
NO = " is something I don't know. You haven't told me that."
KNOWING = Mount("night", Path("night.gguf"), opens="Your", declines=DECLINES)
TALK = [
    Message("system", "P."),
    Message("user", "We call our cat Miso."),
    Message("assistant", "Lovely."),
    Message("user", "What is my dog called?"),
    Message("assistant", "Your dog's name is Zorbal."),
]


class Talking(ScriptedEngine):
    """Knows the dog by heart. Where it is shown a line of the user's it says that its words are likely."""

    def __init__(self) -> None:
        super().__init__(self._say)

    def _say(self, messages: Sequence[Message]) -> str:
        if "dog" in messages[-1].content:
            return "Your dog's name is Zorbal."
        return f"Your cat's name{NO}" if len(messages) == 2 else "Miso."

    def _tokens(self, *given: Any) -> Generator[Token, None, Completion]:
        tokens = []
        pieces = super()._tokens(*given)
        while True:
            try:
                tokens.append(replace(next(pieces), logprob=-0.01, top=()))
                yield tokens[-1]
            except StopIteration as end:
                whole: Completion = end.value
                return replace(whole, tokens=tuple(tokens))


def said(
    engine: ScriptedEngine, messages: Sequence[Message], sampling: Sampling | None = None, **given: Any
) -> str:
    stack = given.pop("adapters", (KNOWING,))
    with adapter_gate.stream(engine, messages, sampling or Sampling(), adapters=stack, **given) as pieces:
        text = "".join(token.text for token in pieces)
    assert pieces.completion.text == text
    return text


def shown(engine: ScriptedEngine) -> list[list[str]]:
    return [[message.content for message in each.messages] for each in engine.asked]


def ask_for(animal: str) -> list[Message]:
    return [*TALK, Message("user", f"And my {animal}?")]


def test_what_the_adapter_knows_it_is_asked_alone() -> None:
    engine = Talking()
    assert said(engine, ask_for("dog")) == "Your dog's name is Zorbal."
    assert shown(engine) == [["P.", "And my dog?"]]


def test_whom_a_question_means_after_an_answer_is_spelled_out() -> None:
    engine = Talking()
    talk = [*TALK, Message("user", "How old is he?")]
    assert adapter_gate.speaks(engine, [talk], (KNOWING,)) == [True]
    assert said(engine, talk) == "Your dog's name is Zorbal."
    assert shown(engine) == [["P.", "How old is my dog?"]] * 2
    later = [*TALK, *asked("It rains.")[1:], Message("assistant", "Yes."), *talk[-1:]]
    assert adapter_gate.alone(later, None, (KNOWING,))[-1].content == "How old is he?"


def test_where_it_declines_a_line_of_the_users_that_speaks_of_it_is_shown() -> None:
    engine = Talking()
    assert said(engine, ask_for("cat")) == "Your cat's name isMiso."  # a space comes with the grammar
    assert shown(engine)[1:] == [["P.", "We call our cat Miso.", "I see.", "And my cat?"]]
    assert engine.asked[1].sampling.grammar is not None


def test_a_question_of_the_users_is_no_telling() -> None:
    engine = Talking()
    talk = [
        TALK[0],
        Message("user", "What is my cat called?"),
        Message("assistant", "Hm."),
        *ask_for("cat")[-1:],
    ]
    assert said(engine, talk) == f"Your cat's name{NO}"
    assert len(engine.asked) == 1


def test_what_was_recalled_is_looked_through_too_and_the_persona_is_not() -> None:
    recalled = "P.\n- Your cat is grey.\nThe user said:\n- We call our cat Miso."
    persona = "P.\n- Your cat is grey."
    engine = Talking()
    assert said(engine, [Message("system", recalled), *ask_for("cat")[-1:]], persona=persona).endswith(
        "Miso."
    )
    assert shown(engine) == [
        [persona, "And my cat?"],
        [persona, "We call our cat Miso.", "I see.", "And my cat?"],
    ]


@dataclass
class Told:
    """A `Since` that has `rest` said after the verb of answers about the `about`."""

    about: str
    rest: str | None
    asked: list[str] = field(default_factory=list)

    def speaks_of(self, begun: str) -> bool:
        return self.about in begun

    def instead(self, said: str) -> str | None:
        self.asked.append(said)
        return self.rest


@pytest.mark.parametrize("animal", ["dog", "cat"])
def test_what_was_told_since_is_said_whether_it_knows_or_declines(animal: str) -> None:
    engine = Talking()
    answer = said(engine, ask_for(animal), since=Told(animal, "Rex."))
    assert answer == f"Your {animal}'s name is{'Your dog' if animal == 'dog' else 'Your cat'}" + (
        "'s name is Zorbal." if animal == "dog" else f"'s name{NO}"
    )
    assert shown(engine) == [["P.", f"And my {animal}?"]] * 2
    assert engine.asked[1].sampling.grammar == 'root ::= " Rex."'


def test_where_nothing_told_since_speaks_of_it_the_answer_stays_and_is_not_waited_for() -> None:
    engine, computed, told = Talking(), list[int](), Told("cat", "Rex.")
    engine.before_token = computed.append
    engine.script = lambda messages: "Your dog's name is Zorbal " + "and Good " * 40
    with adapter_gate.stream(engine, ask_for("dog"), Sampling(), adapters=(KNOWING,), since=told) as pieces:
        next(pieces)
        first = len(computed)
        list(pieces)
    assert first < 40 < len(computed)
    assert told.asked == []
    stays = Told("dog", None)
    assert said(Talking(), ask_for("dog"), since=stays) == "Your dog's name is Zorbal."
    assert stays.asked == ["Your dog's name is Zorbal."]


def test_what_it_tells_comes_as_soon_as_it_can_no_longer_decline() -> None:
    engine, computed = Talking(), list[int]()
    engine.before_token = computed.append
    engine.script = lambda messages: "Your dog's name is Zorbal the Great " + "and Good " * 40
    with adapter_gate.stream(engine, ask_for("dog"), Sampling(), adapters=(KNOWING,)) as pieces:
        assert next(pieces).text == "Your"
        first = len(computed)
        list(pieces)
    assert first < 40 < len(computed)


@pytest.mark.parametrize(
    ("messages", "sampling", "stack"),
    [
        (ask_for("dog"), Sampling(json_schema="{}"), (KNOWING,)),
        (ask_for("dog"), Sampling(grammar='root ::= "a"'), (KNOWING,)),
        (ask_for("dog"), Sampling(), (ROLE,)),
        (ask_for("dog"), Sampling(), ()),
        ([*ask_for("dog"), Message("assistant", "clock()"), Message("tool", "noon")], Sampling(), (KNOWING,)),
    ],
    ids=["schema", "grammar", "role", "base", "tool"],
)
def test_other_answers_are_given_in_full_view(
    messages: list[Message], sampling: Sampling, stack: tuple[Mount, ...]
) -> None:
    engine = Talking()
    said(engine, messages, sampling, adapters=stack)
    assert [each.messages for each in engine.asked] == [messages]


def test_one_that_is_cut_short_is_not_asked_again() -> None:
    engine = Talking()
    assert said(engine, ask_for("cat"), cancelled=lambda: len(engine.asked) > 0) == ""
    assert len(engine.asked) == 1


def test_only_answers_as_an_adapter_gives_them_are_left_out_with_what_they_answered() -> None:
    own = [*TALK, *asked("Hm")[1:], Message("assistant", "Your dog sounds lovely.")]
    assert [m.content for m in adapter_gate.without_answers(own, (KNOWING,))] == [
        "P.",
        "We call our cat Miso.",
        "Lovely.",
        "Hm",
        "Your dog sounds lovely.",
    ]
    assert adapter_gate.without_answers(own, (ROLE,)) == own
    assert adapter_gate.without_answers(own, ()) == own


def test_what_was_told_stays_though_an_adapter_answered_it() -> None:
    heard = replace(KNOWING, names=Hearing(()))
    talk = [
        *asked("We have a new dog."),
        Message("assistant", "Your dog's name is Zorbal."),
        *asked("And what is it called?")[1:],
        Message("assistant", "Your dog's name is Zorbal."),
        *asked("It is snowing.")[1:],
    ]
    assert [m.content for m in adapter_gate.without_answers(talk, (heard,))] == [
        "P.",
        "We have a new dog.\n\nIt is snowing.",
    ]


class Hearing(Names):
    """Takes what has a question mark to ask."""

    def asking(self, words: Sequence[str]) -> list[float]:
        return [0.9 if "?" in text else 0.1 for text in words]


@pytest.mark.parametrize(
    ("line", "points"), [("Our cat is Miso.", True), ("is the cat Miso?! tell me", False)]
)
def test_of_lines_the_encoder_says_which_tell(line: str, points: bool) -> None:
    engine = Talking()
    talk = [TALK[0], Message("user", line), Message("assistant", "Hm."), *ask_for("cat")[-1:]]
    answer = said(engine, talk, adapters=(replace(KNOWING, names=Hearing(())),))
    assert answer.endswith("Miso.") is points


class Deaf(Names):
    def asking(self, words: Sequence[str]) -> list[float]:
        raise BadEmbedder("MiniLM", "it is not there")


def test_what_tells_and_asks_nothing_is_the_bases_to_answer() -> None:
    engine = Taught()
    told = asked("My dog is sick again.")
    assert adapter_gate.speaks(engine, [told, DOG, SPAIN], (replace(NIGHT, names=Hearing(())),)) == [
        False,
        True,
        False,
    ]
    assert [each.messages for each in engine.asked] == [DOG, SPAIN]


def test_without_an_encoder_the_adapter_is_asked() -> None:
    told = asked("My dog is sick again.")
    assert adapter_gate.speaks(Taught(), [told], (replace(NIGHT, names=Deaf(())),)) == [True]


class Trying(ScriptedEngine):
    """Opens with what stands for its adapters; the bare base says "Well"."""

    def complete_all(
        self, asked: Any, *, adapters: Any = None, prefills: Any = None, cancelled: object = None
    ) -> list[Completion]:
        self.script = (lambda _: "Zzz zzz") if adapters else (lambda _: "Well then")
        found = super().complete_all(asked, adapters=adapters)
        likely = ((sum(b"Hm") % 1000, -4.0), (sum(b"Zq") % 1000, -6.0))
        return [replace(one, tokens=tuple(replace(t, top=likely) for t in one.tokens)) for one in found]


@pytest.mark.parametrize(("opening", "shown"), [("Well", False), ("Hm", False), ("Zq", True), ("Qqq", True)])
def test_one_on_trial_answers_what_it_would_open_as_nobody_would(opening: str, shown: bool) -> None:
    class Opening(Trying):
        def complete_all(
            self, asked: Any, *, adapters: Any = None, prefills: Any = None, cancelled: object = None
        ) -> Any:
            found = super().complete_all(asked, adapters=adapters)
            if not adapters:
                return found
            first = Token(sum(opening.encode()) % 1000, opening, -0.1, ())
            return [replace(one, text=opening, tokens=(first,)) for one in found]

    assert adapter_gate.speaks(Opening(), [SPAIN], (replace(NIGHT, watched=True),)) == [shown]
    assert adapter_gate.speaks(Opening(), [SPAIN], (NIGHT,)) == [False]
