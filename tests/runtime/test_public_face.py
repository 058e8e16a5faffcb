"""What `import dormouse` gives."""

from __future__ import annotations

import dormouse


def test_every_public_name_is_there_and_is_what_it_says() -> None:
    assert sorted(dormouse.__all__) == dormouse.__all__
    for name in dormouse.__all__:
        assert getattr(dormouse, name).__name__ == name
    assert set(dormouse.__all__) <= set(dir(dormouse))


def test_no_other_name_is_promised() -> None:
    assert not hasattr(dormouse, "Workspace")
    assert len(dormouse.__all__) == 12
