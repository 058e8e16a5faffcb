"""The rules read plain statements and nothing else."""

from __future__ import annotations

import pytest

from dormouse.sleep.kinds import Fact, talk_without_facts
from dormouse.sleep.rules import read_by_rules

TOLD: list[tuple[str, list[Fact]]] = [
    ("My dog is called Zorbal.", [("dog", "name", "Zorbal")]),
    ("my dog is called zorbal", [("dog", "name", "zorbal")]),
    ("Our late cat was called Morris, he was a good cat.", [("cat", "name", "Morris")]),
    ('My boat is called "Mary Ann".', [("boat", "name", "Mary Ann")]),
    ("My sister's name is Annika.", [("sister", "name", "Annika")]),
    ("My sister\u2019s name is Annika.", [("sister", "name", "Annika")]),
    ("The name of my parrot is Coco.", [("parrot", "name", "Coco")]),
    ("I have a tabby cat called Miso and she is a menace.", [("tabby cat", "name", "Miso")]),
    ("I have two cats, Mia and Leo.", [("cat", "name", "Mia"), ("cat", "name", "Leo")]),
    ("we have 2 rabbits (Flo and Pip) and a garden", [("rabbit", "name", "Flo"), ("rabbit", "name", "Pip")]),
    ("We've got three old dogs called Ada, Bo and Cy!", [
        ("dog", "name", "Ada"),
        ("dog", "name", "Bo"),
        ("dog", "name", "Cy"),
    ]),
    ("We've got a horse named Fidelio.", [("horse", "name", "Fidelio")]),
    ("My best friend is Wilma Okonjo.", [("best friend", "name", "Wilma Okonjo")]),
    ("Teodor is my brother.", [("brother", "name", "Teodor")]),
    ("Annika, my sister, hates the cold.", [("sister", "name", "Annika")]),
    ("My name is Renske Tolsma.", [("user", "name", "Renske Tolsma")]),
    ("Hello there! My name is Lars, what's yours?", [("user", "name", "Lars")]),
    ("Please call me Bibi.", [("user", "nickname", "Bibi")]),
    ("I live in Tromsø.", [("user", "home city", "Tromsø")]),
    ("i live in leeds", [("user", "home city", "leeds")]),
    ("By the way, I live in Rio de Janeiro now.", [("user", "home city", "Rio de Janeiro")]),
    ("I live in Ghent, what's on this weekend?", [("user", "home city", "Ghent")]),
    ("We moved to Reykjavik last spring.", [("user", "home city", "Reykjavik")]),
    ("My daughter lives in Bergamo.", [("daughter", "home city", "Bergamo")]),
    (
        "My brother Henk lives in Utrecht.",
        [("brother", "name", "Henk"), ("brother", "home city", "Utrecht")],
    ),
    ("I grew up in Paisley but left early.", [("user", "hometown", "Paisley")]),
    ("I was born in Dakar.", [("user", "birthplace", "Dakar")]),
    ("I was born on 3 August 1962.", [("user", "birthday", "3 August 1962")]),
    ("My birthday is on the 9th of May.", [("user", "birthday", "the 9th of May")]),
    ("My wife's birthday is 12 June.", [("wife", "birthday", "12 June")]),
    ("I'm 42 years old.", [("user", "age", "42")]),
    ("I am fifty-three.", [("user", "age", "fifty-three")]),
    ("My son is seven years old.", [("son", "age", "seven")]),
    ("I work as a glassblower in a small studio.", [("user", "job", "glassblower")]),
    ("I'm a paramedic, nights mostly.", [("user", "job", "paramedic")]),
    ("My mum is a bus driver.", [("mother", "job", "bus driver")]),
    ("I work at the Harbour Museum.", [("user", "employer", "the Harbour Museum")]),
    ("I work for Kestrel Logistics and my boss is Olga.", [
        ("user", "employer", "Kestrel Logistics"),
        ("boss", "name", "Olga"),
    ]),
    ("I was a schoolteacher for many years.", [("user", "previous job", "schoolteacher")]),
    ("My dentist is Dr. Amari Holt.", [("dentist", "name", "Dr. Amari Holt")]),
    ("I live in St. Ives.", [("user", "home city", "St. Ives")]),
    ("We moved to Norway in 2019.", [("user", "home country", "Norway")]),
    ("Guess what, my cat is called Rex!", [("cat", "name", "Rex")]),
    ("I'm allergic to walnuts.", [("user", "allergy", "walnuts")]),
    ("I'm allergic to shrimp and celery.", [("user", "allergy", "shrimp"), ("user", "allergy", "celery")]),
    ("My nephew is allergic to cat hair, poor thing.", [("nephew", "allergy", "cat hair")]),
    ("My favourite colour is teal.", [("user", "favourite colour", "teal")]),
    ("My favorite book is The Leopard, but it is long.", [("user", "favourite book", "The Leopard")]),
    ("Moussaka is my favourite dish.", [("user", "favourite dish", "Moussaka")]),
    ("My sister's favourite flower is the peony.", [("sister", "favourite flower", "peony")]),
    ("I play the bassoon in an amateur orchestra.", [("user", "instrument", "bassoon")]),
    ("I drive an old Saab.", [("car", "make", "Saab")]),
    ("We have three children.", [("user", "number of children", "three")]),
    ("I take heart pills called Bisoprolol.", [("user", "medication", "Bisoprolol")]),
    ("My hobby is binding old books.", [("user", "hobby", "binding old books")]),
    ("My shoe size is 43.", [("user", "shoe size", "43")]),
    ("My dog's breed is whippet.", [("dog", "breed", "whippet")]),
    ("My auld pal Hamish Tulloch will mind the dog.", [("friend", "name", "Hamish Tulloch")]),
    ("Our neighbour Pim never sleeps.", [("neighbour", "name", "Pim")]),
    ("I have a supervisor who loves meetings. Her name is Oonagh.", [("supervisor", "name", "Oonagh")]),
    ("We got a turtle! Don't ask. It's called General.", [("turtle", "name", "General")]),
    (
        "Good evening. I live in Coimbra. The rain never stops. My cat is called Sardinha.",
        [("user", "home city", "Coimbra"), ("cat", "name", "Sardinha")],
    ),
]  # fmt: skip

NOTHING = [
    "",
    "Actually it's Oslo now.",
    "I don't live in Oslo.",
    "I no longer live in Oslo.",
    "I never lived in Oslo.",
    "I used to live in Oslo.",
    "I live in fear of that exam.",
    "I live in a small flat.",
    "My dog isn't called Rex.",
    "My dog is not called Rex.",
    "Is my dog called Rex?",
    "My dog is called Rex, isn't he?",
    "My name is Lars, right?",
    "what's my sister's name",
    "Do you remember that I live in Oslo?",
    "If I live in Oslo, do I need a parking permit?",
    "I wish I lived in Oslo.",
    "Maybe I live in Oslo one day.",
    "Suppose my name is Kurt. How would you greet me?",
    "Imagine I live in Oslo and I'm a baker.",
    "In the novel my name is Ishmael.",
    "For the role play: I'm a pilot. My name is Rex.",
    "Write a story. My name is Rex. I live in Rome.",
    'Translate "My name is Rex" into Latin.',
    "Translate: I live in Rome.",
    "Translate this into Welsh. I live in Rome.",
    'Bob said "I live in Rome".',
    "She said: my dog is called Rex.",
    "Tom says I live in Cloud Cuckoo Land.",
    "Anna: I live in Rome.",
    "I live in Oslo - kidding.",
    "My friend thinks I live in Oslo.",
    "I'm a teacher's son.",
    "My favourite song is about trains.",
    "His dog is called Rex.",
    "Bob lives in Rome.",
    "The song goes 'my name is Rex, I live in Rome' and so on.",
    "My wife is Norwegian.",
    "My boss is German.",
    "My sister is busy.",
    "I'm a bit tired.",
    "I'm a terrible cook.",
    "I'm a slow driver.",
    "I'm 90 percent sure.",
    "I'm 5 minutes late.",
    "I'm 1.74 m tall.",
    "I'm allergic to mornings.",
    "I'm allergic to nothing.",
    "My favourite part is the ending.",
    "My favourite film is not on this list.",
    "My birthday is tomorrow.",
    "We moved to Slack last year.",
    "We moved to Thursday.",
    "I moved to the sofa.",
    "I play the fool.",
    "I drive a hard bargain.",
    "I work at night.",
    "I work as usual.",
    "I gave my dad Christmas socks.",
    "Ask Annika, she knows.",
    "My wife has a cat. Her name is Mia.",  # whose?
    "A man rang twice. His name is Mia.",
    "I have a cat. We talked about the rain for an hour and then some. Her name is Mia.",
    "I have a cat. Is her name Mia?",
    "I have a cat. If her name is Mia, what is mine?",
    "Her name is Mia.",
    "I gave my mum Chanel for once.",
]


@pytest.mark.parametrize(("text", "facts"), TOLD)
def test_plain_statements_are_read(text: str, facts: list[Fact]) -> None:
    assert read_by_rules(text) == facts


@pytest.mark.parametrize("text", NOTHING)
def test_what_is_not_stated_gives_nothing(text: str) -> None:
    assert read_by_rules(text) == []


@pytest.mark.parametrize("text", [text for text, _ in TOLD])
def test_values_stand_in_the_text(text: str) -> None:
    assert all(value in text for _, _, value in read_by_rules(text))


def test_talk_without_facts_stays_without() -> None:
    talk = talk_without_facts()
    read = {line: facts for line in talk if (facts := read_by_rules(line))}
    assert len(talk) >= 1000
    assert len(read) <= len(talk) // 100, read
