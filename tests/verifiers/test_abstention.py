"""Abstention: how people and models decline for want of knowledge, and answers that only hold such words."""

from __future__ import annotations

import pytest

from dormouse.verifiers.abc import Claim
from dormouse.verifiers.abstention import Abstention, abstained

DECLINES = """
I don't know. You haven't told me that.
I don\u2019t know. You haven\u2019t told me that.
I do not know.
i dont know
I'm sorry, I don't know that.
I'm sorry, but I don't know your sister's name.
Sorry, I have no record of that.
I don't remember you telling me that.
I don't recall you mentioning it.
I'm not sure, you haven't mentioned it.
I am not sure what your dog is called.
You haven't told me yet.
You never told me that.
You have not mentioned a cat.
You didn't say.
You did not tell me where you live.
You have yet to tell me that.
I haven't been told.
I was never told that.
I've not been told about a boat.
I've never heard you mention a boat.
I have no idea.
I have no information about your cat.
I've no idea what your car is called.
I don't have that information.
I don't have access to your personal information.
I don't have any information about your family.
I do not have enough information to answer that.
I can't recall.
I cannot say what your job is.
I couldn't say.
I can't know that.
I can't tell you that, because you haven't told me.
I can't answer that.
I'm not able to answer that.
I am unable to recall your birthday.
I'm unable to tell you that.
No idea!
Sorry, no idea.
Hmm. I honestly don't know.
I really don't know what your favourite colour is.
I currently don't know that.
I still don't know that.
I don't yet know your dog's name.
I wouldn't know.
I'm afraid I don't know.
Unfortunately, I don't have that information.
As an AI, I don't have access to personal data.
As an AI language model, I do not have personal information about you.
That's not something you've told me.
That is not something I know.
That is unknown to me.
I wasn't told that.
I haven't heard about that.
I have never been told your address.
Your sister's name? I don't know it.
I'm not aware of any sister.
I'm not familiar with your sister.
I wish I knew, but you haven't told me.
We haven't talked about that.
I don't think you've told me that.
I don't believe you have mentioned it.
There is no record of that.
That has not been mentioned.
It hasn't come up.
Nothing you've told me says so.
I lack that information.
I have not been informed of it.
""".strip().split("\n")

ANSWERS = """
Your dog is called Zorbal.
Zorbal.
You told me your dog is called Zorbal.
You said it was Oslo.
Your sister's name is Annika.
I know: it is Oslo.
I remember that your dog is called Rex.
Paris is the capital of France.
Water boils at 100 degrees Celsius.
You never miss a Monday swim.
You didn't like the cold, so you moved to Lisbon.
He doesn't know how to swim.
She never told anyone.
You never told anyone but me: it is Miso.
Your boss is Olga. You told me so. I don't know why she is strict.
Yes! You mentioned it on Monday: it is Tuesday.
It is called "Don't Know Much".
To sort a list in Python, use sorted().
You can't say no to cake, so chocolate cake.
Unsure Street 5.
Your favourite band is No Idea.
The know-how you asked about is welding.
You're allergic to walnuts.
The unknown soldier lies in Paris.
Socrates said that he knew nothing.
People who don't know Latin call it a daisy.
I have that: it is Kestrel Logistics.
Sure, it's 42.
Not much: your hobby is knitting.
You have given me the answer: Bergen.
Your cat never told a lie; it is called Miso.
I can tell you that: it's teal.
I can say that it is Rex.
You shared that it is Rex.
Your sister can't recall names, but hers is Annika.
We don't know of any other planet with life, but Mars is red.
""".strip().split("\n")


@pytest.mark.parametrize("text", DECLINES)
def test_it_is_heard(text: str) -> None:
    assert abstained(text)
    assert abstained(text.upper())


@pytest.mark.parametrize("text", ["", " ", *ANSWERS])
def test_an_answer_is_an_answer(text: str) -> None:
    assert not abstained(text)


def test_only_how_an_answer_begins_counts() -> None:
    assert not abstained("It is Rex. You told me on Monday. I don't know more than that.")
    assert abstained("Your dog's name. I don't know it. You could tell me.")


@pytest.mark.parametrize(("text", "outcome"), [("I don't know.", "passed"), ("Rex.", "failed")])
def test_the_verdict_says_why(text: str, outcome: str) -> None:
    verdict = Abstention().judge(Claim(text))
    assert verdict.outcome == outcome
    assert verdict.evidence
    assert verdict.seconds >= 0
