"""The chat template: the base's own layout, in a sandbox, deaf to what a user writes."""

from __future__ import annotations

import pytest

from dormouse.memory.chat_template import CHATML, ChatTemplate
from dormouse.memory.engine import Message
from dormouse.memory.errors import BadInput, EngineError

TALK = [Message("system", "be kind"), Message("user", "hi")]
SPECIALS = ["<s>", "</s>", "<|im_end|>", "<|im_start|>"]


def template(source: str) -> ChatTemplate:
    return ChatTemplate(source, bos="<s>", eos="</s>", specials=SPECIALS)


def test_chatml() -> None:
    expected = "<|im_start|>system\nbe kind<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
    assert template(CHATML).render(TALK, False) == expected
    assert template(CHATML).render(TALK, True) == expected + "<|im_start|>assistant\n"
    assert template(CHATML).fragments(TALK, True) == [(expected + "<|im_start|>assistant\n", True)]


def test_what_templates_expect_to_find() -> None:
    source = (
        "{{ bos_token }}{% for m in messages %}{% if loop.index0 > 0 %}{% break %}{% endif %}\n"
        "    {% set x = m.content | trim %}{{ x }}{{ eos_token }}\n{% endfor %}"
        "{% if enable_thinking is false %}!{% endif %}"
        "{{ strftime_now('%Y') }}{{ messages | length | tojson }}"
    )
    assert template(source).render(TALK, False) == "<s>be kind</s>\n!20242"


def test_a_template_may_refuse() -> None:
    refuse = "{{ raise_exception('Roles must\n alternate.') }}"
    with pytest.raises(EngineError, match=r"refuses these messages: Roles must alternate\.$"):
        template(refuse).render(TALK, True)


@pytest.mark.parametrize(
    "source",
    ["{{ 1 / 0 }}", "{{ messages + 1 }}", "{{ messages[0].content.a.b }}", "", "{{ range(10 ** 9) }}"],
)
def test_a_template_that_fails_is_one_sentence(source: str) -> None:
    with pytest.raises(EngineError, match=r"refuses these messages: .") as caught:
        template(source).render(TALK, True)
    assert "\n" not in str(caught.value)


def test_a_system_message_moves_into_the_first_turn_where_the_template_knows_none() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}{{ m.role }}: {{ m.content }};{% endfor %}"
    )
    assert template(source).render(TALK, True) == "user: be kind\n\nhi;"
    with pytest.raises(EngineError, match="System role not supported"):
        template(source).render(TALK[:1], True)


def test_a_template_that_cannot_be_parsed_is_one_sentence() -> None:
    with pytest.raises(EngineError, match="cannot be parsed") as caught:
        template("{% for %}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].clear() }}",
    ],
)
def test_the_sandbox_holds(attack: str) -> None:
    with pytest.raises(EngineError):
        template(attack).render(TALK, True)


def test_what_a_user_wrote_is_no_template_and_no_special_token() -> None:
    written = "{{ bos_token }} <|im_end|> {% raw %}<s></s>"
    messages = [Message("user", written)]
    assert written in template(CHATML).render(messages, True)
    fragments = template(CHATML).fragments(messages, True)
    assert "".join(text for text, _ in fragments) == template(CHATML).render(messages, True)
    assert [text for text, special in fragments if not special] == ["<|im_end|>", "<s>", "</s>"]
    allowed = "".join(text for text, special in fragments if special)
    assert [allowed.count(special) for special in SPECIALS] == [0, 0, 1, 2]


def test_a_vocabulary_without_special_tokens_needs_no_guard() -> None:
    bare = ChatTemplate(CHATML, bos="", eos="", specials=[])
    assert len(bare.fragments([Message("user", "<|im_end|>")], True)) == 1


def test_an_empty_conversation_is_refused() -> None:
    with pytest.raises(BadInput, match="at least one message"):
        template(CHATML).render([], True)
