"""Tokens: shown once, hashed at rest, revoked at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dormouse.memory.errors import BadInput
from dormouse.runtime.errors import TokensDamaged
from dormouse.runtime.server.tokens import Tokens


def test_a_token_names_its_user_and_its_text_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    secret, record = tokens.add("anna", "her phone")
    assert tokens.user_of(secret) == "anna"
    assert secret not in (tmp_path / "tokens.json").read_text()
    assert secret.removeprefix("dm_") not in (tmp_path / "tokens.json").read_text()
    assert (tmp_path / "tokens.json").stat().st_mode & 0o077 == 0
    assert [known.id for known in tokens.all()] == [record.id]


@pytest.mark.parametrize("wrong", ["", "dm_", "dm_x", "anna", "\ud800"])
def test_nobody_else_is_let_in(tmp_path: Path, wrong: str) -> None:
    tokens = Tokens(tmp_path)
    secret, _ = tokens.add("anna")
    assert tokens.user_of(wrong) is None
    assert tokens.user_of(secret + "x") is tokens.user_of(secret[:-1]) is None


def test_another_process_s_revocation_is_seen_at_once(tmp_path: Path) -> None:
    here, there = Tokens(tmp_path), Tokens(tmp_path)
    secret, record = there.add("anna")
    kept, _ = there.add("bert")
    assert here.user_of(secret) == "anna"
    there.revoke(record.id)
    assert here.user_of(secret) is None
    assert here.user_of(kept) == "bert"


@pytest.mark.parametrize(
    "user", ["", "..", ".", "a/b", "../x", "A", "a b", "a\n", "é", "x" * 65, "a..b", "a."]
)
def test_a_user_s_name_is_fit_to_be_a_folder_s(tmp_path: Path, user: str) -> None:
    with pytest.raises(BadInput, match="name"):
        Tokens(tmp_path).add(user)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"version": 2, "tokens": []}', '{"version": 1, "tokens": 3}']
)
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokens.json").write_text(content)
    with pytest.raises(TokensDamaged):
        Tokens(tmp_path).user_of("x")


def test_revoking_needs_one_token_by_that_name(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    tokens.add("anna")
    for id in ("", "nothing"):
        with pytest.raises(BadInput):
            tokens.revoke(id)
