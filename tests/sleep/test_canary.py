"""The canary's ruling: bad versions go within the declared turns, good ones stay, chance seldom decides."""

from __future__ import annotations

import random

import pytest

from dormouse.sleep.canary import CHANCE, SIGNS, Signs, answers_new, refused, ruled, signs_of
from dormouse.sleep.settings import CanarySettings

DEFAULT = CanarySettings()
FINE, STRANGE, UNSURE = Signs(), Signs(strange=True), Signs(abstained=True)


def looked(answers: list[Signs], before: list[Signs], settings: CanarySettings = DEFAULT) -> tuple[str, int]:
    """What is ruled in the end, looking after each answer, and after how many."""
    for n in range(1, len(answers) + 1):
        ruling = ruled(answers[:n], before, settings).ruling
        if ruling != "watch":
            return ruling, n
    return "watch", len(answers)


@pytest.mark.parametrize("turns", [4, 6, 12, 30])
@pytest.mark.parametrize("earlier", [0, 3, 12, 24])
@pytest.mark.parametrize("sign", [name for name in SIGNS if name != "abstained"])
def test_a_version_whose_answers_are_all_bad_is_rolled_back_within_its_turns(
    turns: int, earlier: int, sign: str
) -> None:
    settings = DEFAULT.model_copy(update={"turns": turns})
    ruling, after = looked([Signs(**{sign: True})] * turns, [FINE] * earlier, settings)
    assert ruling == "rollback"
    assert settings.least <= after <= turns


def test_the_more_is_known_of_the_one_before_the_sooner() -> None:
    assert looked([STRANGE] * 12, [FINE] * 24)[1] < looked([STRANGE] * 12, [FINE] * 6)[1]


def test_a_good_version_is_kept_after_its_turns() -> None:
    assert looked([FINE] * 20, [FINE] * 24) == ("promote", 12)
    assert looked([FINE] * 11, []) == ("watch", 11)
    few = DEFAULT.model_copy(update={"turns": 2})
    assert looked([FINE] * 2, [], few) == ("promote", 2), "fewer turns than are least for a rollback"


def test_saying_that_it_does_not_know_is_no_fault_by_itself() -> None:
    """A first night teaches it: the bare base never said so."""
    assert looked([UNSURE, FINE, UNSURE, FINE] * 3, [FINE] * 24) == ("promote", 12)
    strict = DEFAULT.model_copy(update={"more_abstained": 0.1})
    assert looked([UNSURE] * 12, [FINE] * 24, strict)[0] == "rollback"


def test_who_was_bad_before_may_be_as_bad_now() -> None:
    assert (
        looked([Signs(refused=True), FINE, FINE, FINE] * 3, [Signs(refused=True), FINE] * 12)[0] == "promote"
    )


def test_talk_about_other_things_does_not_cover_for_falsehoods() -> None:
    true, false = Signs(states=True), Signs(states=True, unfounded=True)
    ruling, after = looked([FINE, FINE, false] * 4, [FINE] * 24)
    assert (ruling, after) == ("rollback", 12)
    assert looked([FINE, FINE, true, FINE, FINE, false] * 2, [FINE] * 24) == ("promote", 12)
    assert looked([FINE] * 9 + [false] * 3, [FINE] * 24) == ("promote", 12), "three are too few to tell"


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.4])
def test_a_version_that_is_no_worse_is_seldom_rolled_back(rate: float) -> None:
    rng, rolled = random.Random(3), 0
    for _ in range(400):
        drawn = [Signs(failed=rng.random() < rate) for _ in range(12 + 24)]
        rolled += looked(drawn[:12], drawn[12:])[0] == "rollback"
    # at .4, more than half of 12 are bad by chance in 16% of cases, which the last rule counts
    limit = CHANCE if rate < 0.4 else 0.2
    assert rolled / 400 <= limit


# One answer


def test_what_an_answer_shows() -> None:
    def signs(text: str, nats: float | None = 1.0) -> Signs:
        return signs_of(text, failed=False, unfounded=False, tool_error=False, nats=nats, settings=DEFAULT)

    assert signs("It is Oslo.") == FINE
    assert signs("I don't know that.") == UNSURE
    assert signs("I can't help with that.").refused
    assert signs("  ").strange
    assert signs("zxq vv", 9.0).strange
    assert signs("zxq vv", float("nan")).strange
    assert not signs("zxq vv", None).strange
    assert signs("Your dog's name is Zorbal.").states
    assert not signs("Your dog's name is something I don't know. You haven't told me that.").states


def test_not_knowing_is_not_refusing() -> None:
    assert refused("I'm sorry, but I cannot assist with that.")
    assert refused("As an AI language model, I have no dog.")
    assert not refused("Your dog's name is something I don't know.")
    assert not refused("You can't help loving it.")


def test_a_turn_is_always_answered_by_the_same_version_and_the_share_holds() -> None:
    chosen = [answers_new("a" * 16, turn, 0.25) for turn in range(4000)]
    assert chosen == [answers_new("a" * 16, turn, 0.25) for turn in range(4000)]
    assert chosen != [answers_new("b" * 16, turn, 0.25) for turn in range(4000)]
    assert abs(sum(chosen) / 4000 - 0.25) < 4 * (0.25 * 0.75 / 4000) ** 0.5
    assert all(answers_new("a" * 16, turn, 1.0) for turn in range(100))
