"""Taint: what is pasted, quoted or passed on is never the user's own word, and plain talk always is."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from poisoned_turns import POISONED

from dormouse.sleep.taint import own_words, tainted_spans


@pytest.mark.parametrize("turn", POISONED)
def test_what_somebody_else_put_there_is_cut_out(turn: str) -> None:
    assert "Rex" not in own_words(turn)
    assert all(span.why for span in tainted_spans(turn))


@pytest.mark.parametrize(
    "turn",
    [
        "Remember that my dog is called Rex.",
        "Please note: I'm allergic to nuts, don't forget it!",
        "My sister told me she moved to Oslo. I miss her.",
        'We called the boat "Lady Grey" after my aunt.',
        "Actually no, it's Bruno now. What is the capital of France?",
        "I read a lot. My favourite book is Emma, and I work at the post office.",
        "I got an email from my sister Annika, she moved to Oslo.",
        "I got an email from my sister Annika. She moved to Oslo.",
        "Can you summarise what I told you? My dog is called Rex.",
        "We read the document at work; I'm a vet.",
        "Kind of cold today. Regards to your mother.",
        "My brother Tom sends his regards. He lives in Bergen.",
        "I got a letter from the council. I live in Leeds and think the tax is too high.",
        "I read an article about sleep yesterday. I get up at five every day.",
        "My boss Gilbert wants a report by Monday. Can you help me plan my week?",
        "My boss Gilbert wants a report by Monday. How long should the report be?",
        "I work as a translator. Can you recommend a good dictionary?",
        "I translate novels for a living. I live in Porto.",
        "My dog is called Rex. What's the main point of training a puppy?",
        "I'm allergic to nuts. What are the main ingredients of pesto?",
        "My sister Annika is a journalist. What is she likely to earn?",
        "tl;dr: I moved to Oslo and got a dog called Rex.",
        "I just got a text from my wife Ingrid, she is at the airport in Lima.",
        "Bob emailed me. I'm going to his wedding in Rome.",
        "My mother wrote to me. She has moved to Malmö.",
        "I write reviews of restaurants for the Herald. Tonight I eat at Noma.",
        "I'm writing an essay about bees. I'm a beekeeper in Kent.",
        "I'm a nurse in Cardiff. What does a typical shift plan look like?",
        "My doctor says I have coeliac disease. What does this mean?",
        "I'm thinking of calling my dog Rex. How does that sound?",
        "I have a cat called Tom and it sleeps all day. Can you explain this?",
        "My landlord Olaf raised the rent. How should I respond to this?",
        "Can you fix me a meal plan? I'm vegan and live alone.",
        "Please check the weather in Tromsø, I live there.",
        "I keep bees. Can you read me something about bees?",
        "Hi, I'm Ann and I live in Leeds. Thanks!",
        "My name is Ann. Cheers, mate!",
        "Thanks, that helped. My dog Rex is much better.",
        "My favourite book is Emma. Can you summarise the plot of Persuasion?",
        "My daughter Mia has to write an essay about whales. Which ones are largest?",
        "Here's a bit about me: I live in Leeds and work as a vet.",
        "Here is my news. I got a job at Siemens.",
        "This is the year I turn 40. I was born in Lima.",
        "I left a note for my husband Paul. He is a postman.",
        "The tool I use most is my lathe. I'm a turner.",
        "Forget what I said about Bruno, my dog is called Rex.",
        "Remember that my dog is called Rex. And note that my cat is Tom.",
        "I told my boss that I live in Oslo. He didn't know.",
        "What does the letter from my bank mean for me? I live in Leeds.",
        "I got the results from my doctor today. I have asthma.",
        "I got my test results back. I'm allergic to penicillin.",
        "My poem won a prize! I have written since I was 12.",
        "I wrote a letter to my aunt Vera in Graz. Should I send the letter by post or by mail?",
        "Did you get that message I sent? My dog is called Rex.",
        "I read the news every morning at six. My paper is the Guardian.",
        "Review time at work. My manager is called Priya.",
        "I edit videos for a living. Is this a good career? I live in Ghent.",
        "Please explain how mortgages work. I earn 40k and live in Leeds.",
        "I sing in a choir, the Lark Street Singers. Does that sound fun?",
        "We have a new puppy! His name is Otto. Love, peace and happiness.",
        "I'm Bob's sister, by the way. My name is Ida.",
        "Quick note. My flight to Lima is on Friday.",
        "Small update. I moved to Oslo.",
        "I found a note from my late father. He was born in Cork.",
        "My friend Sam texted me. I'm meeting him in Hull.",
        "I had a message from my vet. My dog Rex is fine.",
        "What's the best way to shorten a skirt? I'm 1.60 m tall.",
        "Can you translate for me when I'm in Japan? I fly there on 3 May.",
        "I saw an ad for a Volvo. I drive a Saab.",
        "I live in Leeds. Any thoughts on what to see this weekend?",
        "It's my birthday today. The card from my sister Annika made me cry.",
        "I have a paper route in Hull. Is this taxed?",
        "The union rep at our depot is Shirin. Can you turn these notes into a table?",
        "My brother plays sanshin in Osaka. Please translate this letter to him.",
        "Whenever I hear a cello on the radio I think of my daughter.",
        "I was born in Stornoway, if you believe my mother.",
        "Rough week. Sailing keeps me sane. Anyway, could you shorten this email for me?",
    ],
)
def test_plain_talk_stays_whole(turn: str) -> None:
    assert own_words(turn) == turn


def test_nothing_of_the_personas_choices_are_made_on_is_taken_for_poison() -> None:
    folder = resources.files("dormouse.runtime.bench") / "personas"
    turns = [
        turn
        for file in folder.iterdir()
        if file.name.startswith("dev_")
        for session in json.loads(file.read_text())["sessions"]
        for turn in session
    ]
    assert len(turns) > 50
    assert [turn for turn in turns if tainted_spans(turn)] == []


def test_own_words_beside_a_document_stay() -> None:
    turn = "I live in Leeds.\n> the dog is called Rex\nMy cat is Tom."
    assert own_words(turn).split("\n")[0].strip() == "I live in Leeds."
    assert "Tom" in own_words(turn)


def test_own_words_before_a_request_stay_where_the_document_follows() -> None:
    turn = "Hi, I live in Leeds. Can you summarise this article?\n\nMy dog is called Rex."
    assert own_words(turn) == "Hi, I live in Leeds. Can you summarise this article?"


def test_an_announcement_is_left_and_what_it_announces_is_not() -> None:
    turn = "My cat is Tom. I got a letter from my sister Annika.\nMy dog is called Rex."
    assert own_words(turn) == "My cat is Tom. I got a letter from my sister Annika."


def test_a_turn_of_nothing_but_line_breaks_is_read() -> None:
    assert own_words("\n" * 3000 + "I live in Leeds.") == ""  # nobody types that much
    assert own_words("\n" * 2900 + "I live in Leeds.") == "I live in Leeds."
