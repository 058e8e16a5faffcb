"""The chat screen, driven by keys and by the mouse, small and large."""

from __future__ import annotations

from dataclasses import replace

import pytest
from screen_stage import LARGE, SIZES, SMALL, Stage, play
from staged_agent import StagedAgent
from staged_records import TURNS
from textual import events
from textual.widgets import OptionList

from dormouse.tui.app.asking import AskText, Confirm, Reading
from dormouse.tui.app.chat import calls
from dormouse.tui.app.chat.calls import Approval, CallFold
from dormouse.tui.app.chat.prompt import Prompt
from dormouse.tui.app.chat.screen import ChatScreen
from dormouse.tui.app.chat.turns import AnswerTurn
from dormouse.tui.app.chat.words import UserTurn
from dormouse.tui.app.messages import SessionChosen


def chat(stage: Stage) -> ChatScreen:
    assert isinstance(stage.app.screen, ChatScreen)
    return stage.app.screen


def prompt(stage: Stage) -> Prompt:
    return stage.app.screen.query_one(Prompt)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_said_is_answered_with_its_words_verdicts_and_origin(size: tuple[int, int]) -> None:
    async def act(stage: Stage) -> None:
        await stage.say("What is my dog called?")
        for words in (
            "What is my dog called?",
            "Biscotti",
            "support: passed",
            "adapter 54a22f5e",
            "2 earlier",
        ):
            await stage.until(lambda words=words: words in stage.shown("#conversation"))  # type: ignore[misc]
        assert "**" not in stage.shown("#conversation"), "Markdown is drawn, not spelled"
        await stage.until(lambda: stage.said("stream") == [("stream", "What is my dog called?", "s4", 0)])
        await stage.until(lambda: prompt(stage).text == "")

    play(act, size=size)


def test_an_answer_comes_word_by_word_and_escape_stops_it() -> None:
    agent = StagedAgent(word_s=0.05, answer="one two three " * 3000)

    async def act(stage: Stage) -> None:
        await stage.write("go on")
        await stage.press("enter")
        await stage.until(lambda: "one two three" in stage.shown("#conversation"))
        await stage.until(lambda: chat(stage).run is not None)
        await stage.write("typed meanwhile")
        await stage.press("escape")
        await stage.until(lambda: chat(stage).run is None)
        await stage.until(lambda: "■ stopped" in stage.shown("#conversation"))
        await stage.until(lambda: prompt(stage).text == "typed meanwhile")

    play(act, agent)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
@pytest.mark.parametrize("yes", [True, False])
def test_a_call_is_asked_about_and_folded(
    size: tuple[int, int], by: str, yes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "UNHEARD_S", 0.0)

    async def act(stage: Stage) -> None:
        await stage.write("How much is it?")
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen.query(Approval))
        await stage.until(lambda: "May it call calculator?" in stage.shown("Approval"))
        if by == "key":
            await stage.press("y" if yes else "n")
        else:
            await stage.click("Approval #yes" if yes else "Approval #no")
        await stage.until(lambda: chat(stage).run is None)
        await stage.until(lambda: stage.said("approved") == [("approved", yes)])
        await stage.until(lambda: not stage.app.screen.query(Approval))
        await stage.until(lambda: prompt(stage).has_focus)  # what is typed next is typed there
        fold = stage.app.screen.query_one(CallFold)
        await stage.until(lambda: fold.collapsed)
        await stage.until(lambda: ("arithmetic passed" if yes else "refused") in stage.shown("CallFold"))
        if by == "key":
            await stage.press("shift+tab", "enter")
        else:
            await stage.click("CallFold CollapsibleTitle")
        await stage.pilot.pause()
        await stage.until(lambda: not fold.collapsed)
        await stage.until(lambda: "gave back" in stage.shown("CallFold"))

    play(act, StagedAgent(asks=True), size)


def test_stopping_a_turn_that_asks_answers_no() -> None:
    async def act(stage: Stage) -> None:
        await stage.write("How much?")
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen.query(Approval))
        await stage.press("escape")
        await stage.until(lambda: chat(stage).run is None)
        await stage.until(lambda: stage.said("approved") == [("approved", False)])

    play(act, StagedAgent(asks=True))


def test_what_is_typed_does_not_answer_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "UNHEARD_S", 60.0)

    async def act(stage: Stage) -> None:
        await stage.write("How much?")
        await stage.press("enter", "y")
        await stage.until(lambda: stage.app.screen.query(Approval))
        await stage.press("y")
        assert stage.said("approved") == []

    play(act, StagedAgent(asks=True))


def test_retry_asks_for_another_answer_in_its_place() -> None:
    async def act(stage: Stage) -> None:
        await stage.say("hello")
        await stage.press("f7")
        await stage.until(lambda: "Otherwise" in stage.shown("#conversation"))
        await stage.until(lambda: chat(stage).run is None)
        await stage.until(lambda: stage.said("take_back") == [("take_back", "s4")])
        await stage.until(lambda: [done[3] for done in stage.said("stream")] == [0, 1])
        await stage.until(
            lambda: len(stage.app.screen.query(UserTurn)) == len(stage.app.screen.query(AnswerTurn)) == 1
        )

    play(act)


def test_edit_takes_the_last_turn_back_only_when_it_is_said_anew() -> None:
    async def act(stage: Stage) -> None:
        await stage.say("hello")
        await stage.press("f8")
        await stage.until(lambda: prompt(stage).text == "hello")
        await stage.press("escape")
        await stage.until(lambda: prompt(stage).text == "")
        assert stage.said("take_back") == []
        await stage.press("f8")
        await stage.say(" again")
        await stage.until(lambda: stage.said("take_back") == [("take_back", "s4")])
        await stage.until(lambda: stage.said("stream")[-1][1] == "hello again")
        await stage.until(lambda: len(stage.app.screen.query(UserTurn)) == 1)

    play(act)


def test_an_edit_that_is_refused_takes_nothing_back_and_can_be_changed_or_left() -> None:
    agent = StagedAgent()
    long = "x" * (agent.spec.memory.max_turn_chars + 1)

    async def act(stage: Stage) -> None:
        await stage.say("hello")
        await stage.press("f8")
        await stage.until(lambda: prompt(stage).text == "hello")
        prompt(stage).put(long)
        await stage.press("enter")
        await stage.until(lambda: stage.app._notifications and "characters" in stage.shown())
        await stage.until(lambda: not chat(stage).starting and prompt(stage).text == long)
        assert stage.said("take_back") == [] and len(stage.said("stream")) == 1
        assert "You said: hello" in chat(stage).conversation.last_answer
        assert prompt(stage).has_class("-editing")
        await stage.press("escape")
        await stage.until(lambda: prompt(stage).text == "" and not prompt(stage).has_class("-editing"))
        await stage.say("more")
        assert stage.said("take_back") == []

    play(act, agent)


def test_a_turn_that_is_too_long_begins_no_session() -> None:
    agent = StagedAgent()
    long = "x" * (agent.spec.memory.max_turn_chars + 1)

    async def act(stage: Stage) -> None:
        prompt(stage).put(long)
        await stage.press("enter")
        await stage.until(lambda: not chat(stage).starting and prompt(stage).text == long)
        assert stage.said("new_session") == []

    play(act, agent)


def test_an_edit_is_left_where_another_session_is_gone_on_with() -> None:
    async def act(stage: Stage) -> None:
        await stage.say("hello")
        await stage.press("f8")
        await stage.until(lambda: chat(stage).editing)
        stage.app.screen.post_message(SessionChosen("s1"))
        await stage.until(lambda: "A clever dog" in stage.shown("#conversation"))
        await stage.until(lambda: not prompt(stage).has_class("-editing"))
        prompt(stage).put("")
        await stage.say("something new")
        assert stage.said("take_back") == []

    play(act)


def test_enter_does_not_overtake_what_was_typed_before_it() -> None:
    async def act(stage: Stage) -> None:
        for character in "all of this, at once":
            stage.app.post_message(
                events.Key({" ": "space", ",": "comma"}.get(character, character), character)
            )
        stage.app.post_message(events.Key("enter", "\r"))
        await stage.until(lambda: stage.said("stream"))
        await stage.until(lambda: stage.said("stream")[0][1] == "all of this, at once")
        for character in "/sleep":
            stage.app.post_message(events.Key({"/": "slash"}.get(character, character), character))
        stage.app.post_message(events.Key("enter", "\r"))
        await stage.until(lambda: stage.said("sleep"))

    play(act)


def test_a_refused_turn_is_a_sentence_and_comes_back_to_be_changed() -> None:
    async def act(stage: Stage) -> None:
        await stage.write("too long")
        await stage.press("enter")
        await stage.until(lambda: "The turn cannot be taken" in stage.shown())
        await stage.until(lambda: chat(stage).run is None)
        await stage.until(lambda: prompt(stage).text == "too long")

    play(act, StagedAgent(refuses="The turn cannot be taken."))


def test_the_prompt_takes_lines_history_and_long_pastes() -> None:
    async def act(stage: Stage) -> None:
        await stage.say("one\ntwo")
        await stage.until(lambda: stage.said("stream")[0][1] == "one\ntwo")
        await stage.say("three")
        await stage.write("draft")
        await stage.press("up")
        await stage.until(lambda: prompt(stage).text == "three")
        await stage.press("up")
        await stage.until(lambda: prompt(stage).text == "one\ntwo")
        await stage.press("down", "down", "down")
        await stage.until(lambda: prompt(stage).text == "draft")
        long = "line\n" * 200
        prompt(stage).post_message(events.Paste(long))
        await stage.pilot.pause()
        await stage.until(lambda: "[pasted 1: 201 lines, 1000 characters]" in prompt(stage).text)
        await stage.press("enter")
        await stage.until(lambda: len(stage.said("stream")) == 3)
        await stage.until(lambda: stage.said("stream")[2][1] == f"draft{long}".strip())

    play(act)


@pytest.mark.parametrize("size", SIZES)
def test_commands_are_completed_and_unknown_ones_named(size: tuple[int, int]) -> None:
    async def act(stage: Stage) -> None:
        await stage.write("/th")
        await stage.until(lambda: "/theme" in stage.shown("#completions"))
        await stage.press("tab")
        await stage.until(lambda: prompt(stage).text == "/theme ")
        await stage.write("plain")
        await stage.press("enter")
        await stage.until(lambda: stage.app.theme == "plain")
        await stage.write("/nonsense")
        await stage.press("enter")
        await stage.until(lambda: "There is no command /nonsense" in stage.shown())
        prompt(stage).put("//etc")
        await stage.press("enter")
        await stage.until(lambda: stage.said("stream"))
        await stage.until(lambda: stage.said("stream")[0][1] == "/etc")

    play(act, size=size)


@pytest.mark.parametrize("theme", ["dusk", "dawn", "plain"])
def test_the_option_that_would_be_taken_is_told_apart(theme: str) -> None:
    option, chosen = "option-list--option", "option-list--option-highlighted"

    def told_apart(listed: OptionList) -> bool:
        return listed.get_visual_style(option) != listed.get_visual_style(option, chosen)

    async def act(stage: Stage) -> None:
        stage.app.theme = theme
        await stage.write("/re")
        await stage.until(lambda: "/retry" in stage.shown("#completions"))
        await stage.until(lambda: told_apart(stage.app.screen.query_one("#completions", OptionList)))
        sessions = stage.app.screen.query_one("#sessions OptionList", OptionList)
        sessions.focus()
        await stage.until(lambda: sessions.has_focus and told_apart(sessions))

    play(act, size=LARGE)


def test_a_completion_is_chosen_by_keys_or_by_the_mouse() -> None:
    async def act(stage: Stage) -> None:
        await stage.write("/")
        await stage.press("down", "down", "up", "enter")
        await stage.until(lambda: chat(stage).has_class("-open-sessions"))
        await stage.press("escape")
        await stage.until(lambda: not chat(stage).has_class("-open-sessions"))
        await stage.write("/hel")
        await stage.click("#completions", offset=(4, 0))
        await stage.until(lambda: isinstance(stage.app.screen, Reading))

    play(act)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_a_session_is_found_resumed_and_renamed(size: tuple[int, int], by: str) -> None:
    async def act(stage: Stage) -> None:
        await stage.press("ctrl+f")
        await stage.write("fridge")
        await stage.until(lambda: "in Biscotti and the fridge" in stage.shown("#sessions"))
        if by == "key":
            await stage.press("enter", "enter")
        else:
            await stage.click("#sessions OptionList", offset=(3, 0))
        await stage.until(lambda: stage.app.session == "s1" and not chat(stage).has_class("-open-sessions"))
        await stage.until(lambda: "A clever dog" in stage.shown("#conversation"))
        await stage.write("/rename The fridge")
        await stage.press("enter")
        await stage.until(lambda: stage.said("rename"))
        await stage.until(lambda: stage.said("rename") == [("rename", "s1", "The fridge")])
        await stage.press("f5" if size == SMALL else "ctrl+f")
        await stage.until(lambda: "The fridge" in stage.shown("#sessions"))
        if size == LARGE:
            await stage.press("enter")  # from the line that is searched to the list
        await stage.press("down", "ctrl+r")
        await stage.until(lambda: isinstance(stage.app.screen, AskText))

    play(act, size=size)


def test_a_long_session_shows_its_latest_turns_and_all_when_asked() -> None:
    agent = StagedAgent()
    turns = [replace(TURNS["s1"][number % 2], id=number, content=f"turn {number}") for number in range(60)]
    agent.turns_of["s1"] = turns

    async def act(stage: Stage) -> None:
        stage.app.screen.post_message(SessionChosen("s1"))
        await stage.until(lambda: "turn 59" in stage.shown("#conversation"))
        await stage.until(lambda: len(stage.app.screen.query(UserTurn)) == 8)
        for number in range(14):
            prompt(stage).put(f"more {number}")
            await stage.press("enter")
            await stage.until(lambda: len(stage.said("stream")) == number + 1)  # noqa: B023
            await stage.until(lambda: chat(stage).run is None)
        await stage.until(lambda: len(stage.app.screen.query(UserTurn)) < 20)
        chat(stage).conversation.scroll_home(animate=False)
        await stage.pilot.pause()
        await stage.click(".earlier")
        await stage.until(lambda: len(stage.app.screen.query(UserTurn)) == 44)
        await stage.until(lambda: "turn 0" in stage.shown("#conversation"))

    play(act, agent)


@pytest.mark.parametrize("size", SIZES)
def test_the_panel_shows_the_tiers_as_they_are(size: tuple[int, int]) -> None:
    async def act(stage: Stage) -> None:
        if size == SMALL:
            await stage.press("f6")
        await stage.say("What is my dog called?")
        await stage.until(lambda: "of 3400 tokens" in stage.shown("#tiers"))
        for words in (
            "0 context",
            "360 of 3400",
            "leaves first",
            "a nap begins at 80%",
            "1 episodic",
            "our old dog",
            "54a22f5e03",
            "✓ passed",
            "11 of 12",
            "18 of 20",
            "14 of 20",
            "SmolLM2",
            "to sleep on",
            "2 admitted",
        ):
            await stage.page_to("#tiers", words)

    play(act, size=size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_the_panel_is_read_to_its_end_and_what_was_recalled_is_opened(size: tuple[int, int], by: str) -> None:
    agent = StagedAgent(alarms=tuple(f"Alarm {number} of those there are." for number in range(40)))

    async def act(stage: Stage) -> None:
        await stage.say("What is my dog called?")
        if size == SMALL:
            await stage.press("f6")
        await stage.until(lambda: "our old dog" in stage.shown("#tiers"))
        if by == "key":
            await stage.press("tab", "tab", "enter")
        else:
            await stage.click("#tiers #sources", offset=(2, 0))
        await stage.until(lambda: isinstance(stage.app.screen, Reading))
        await stage.until(lambda: "learnt to open the fridge" in stage.shown())
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))
        if by == "key":
            await stage.page_to("#tiers", "Alarm 39")
            await stage.press("shift+tab", "home")
            await stage.until(lambda: "0 context" in stage.shown("#tiers"))
            await stage.press("end")
        else:
            await stage.wheel("#tiers", 60)
        await stage.until(lambda: "Alarm 39" in stage.shown("#tiers"))

    play(act, agent, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_the_conversation_is_scrolled_from_the_prompt(size: tuple[int, int], by: str) -> None:
    agent = StagedAgent(answer="\n\n".join(f"Paragraph {number}." for number in range(80)))

    async def act(stage: Stage) -> None:
        await stage.say("Tell me much.")
        await stage.until(lambda: "Paragraph 79." in stage.shown("#conversation"))
        for _ in range(10):
            await stage.press("pageup")
        await stage.until(lambda: "Tell me much." in stage.shown("#conversation"))
        if by == "key":
            await stage.page_to("#conversation", "Paragraph 79.")
        else:
            await stage.wheel("#conversation", 90)
            await stage.until(lambda: "Paragraph 79." in stage.shown("#conversation"))
        assert prompt(stage).has_focus

    play(act, agent, size)


@pytest.mark.parametrize("size", SIZES)
def test_every_key_is_named_in_the_help_which_the_page_keys_scroll(size: tuple[int, int]) -> None:
    async def act(stage: Stage) -> None:
        await stage.press("f1")
        await stage.until(lambda: stage.app.screen.query("BindingsTable"))
        for words in ("New line", "Sessions", "Tiers", "Scroll down", "Quit"):
            await stage.page_to("HelpPanel", words)
        await stage.press("f1")
        await stage.until(lambda: not stage.app.screen.query("HelpPanel"))

    play(act, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_long_to_read_is_read_to_its_end_and_closed_by_a_click(size: tuple[int, int]) -> None:
    async def act(stage: Stage) -> None:
        await stage.write("/help")
        await stage.press("enter")
        await stage.until(lambda: "/new" in stage.shown(".box"))
        await stage.page_to(".box", "Ctrl+C copies")
        await stage.click("#close")
        await stage.until(lambda: isinstance(stage.app.screen, ChatScreen))

    play(act, size=size)


def test_alarms_and_daemon_are_seen() -> None:
    agent = StagedAgent(
        far={"alarms": ("The disk is full.",), "why": "a turn was taken"}, alarms=("Barren.",)
    )

    async def act(stage: Stage) -> None:
        await stage.until(lambda: "! 2 alarms" in stage.shown("TopBar"))
        await stage.until(lambda: "daemon" in stage.shown("TopBar"))
        await stage.click("Notice")
        await stage.until(lambda: "The disk is full." in stage.shown() and "Barren." in stage.shown())

    play(act, agent)


@pytest.mark.parametrize("yes", [True, False])
def test_forgetting_asks_first(yes: bool) -> None:
    async def act(stage: Stage) -> None:
        await stage.write("/forget Biscotti")
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        await stage.until(lambda: "undone" in stage.shown())
        await stage.press("y" if yes else "enter")
        await stage.until(lambda: not isinstance(stage.app.screen, Confirm))
        await stage.until(lambda: bool(stage.said("forget")) == yes)

    play(act)


def test_why_and_copy() -> None:
    async def act(stage: Stage) -> None:
        await stage.say("Write me a prime sieve.")
        await stage.write("/copy code")
        await stage.press("enter")
        await stage.until(lambda: stage.app.clipboard.startswith("def primes(limit: int)"))
        assert "```" not in stage.app.clipboard
        await stage.press("f9")
        await stage.until(lambda: stage.app.clipboard.startswith("Here is a sieve."))
        await stage.write("/why")
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, Reading))
        await stage.until(lambda: "the text states its value" in stage.shown())

    play(act)


def test_the_palette_has_the_commands_and_the_sessions() -> None:
    async def act(stage: Stage) -> None:
        await stage.press("ctrl+p")
        await stage.write("piano")
        await stage.until(lambda: "Session: The piano workshop" in stage.shown())
        await stage.press("enter")
        await stage.until(lambda: stage.app.session == "s3")
        await stage.until(lambda: "Good luck on Monday" in stage.shown())

    play(act)


def test_leaving_is_asked_about_only_during_a_night_of_ones_own() -> None:
    agent = StagedAgent()
    agent.go.clear()

    async def act(stage: Stage) -> None:
        await stage.write("/sleep")
        await stage.press("enter")
        await stage.until(lambda: stage.said("sleep"))
        await stage.press("ctrl+q")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        await stage.press("n")
        agent.go.set()
        await stage.until(lambda: "The night is over: 2 memories learnt" in stage.shown())

    play(act, agent)
