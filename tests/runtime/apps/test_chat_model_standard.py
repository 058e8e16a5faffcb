"""LangChain's own suites for chat models, run on ChatDormouse over a tiny random model and the embedded base.

Cases that need a better model's wit are named here one by one; there is none that fails for its mechanics.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from dormouse.runtime.apps.chat_model import ChatDormouse

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning")]


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatDormouse


@pytest.mark.slow
class TestEmbedded(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatDormouse

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"max_tokens": 96, "threads": 2}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @pytest.mark.xfail(reason="135 million parameters do not see that the weather needs a tool", strict=False)
    @pytest.mark.parametrize("model", [{}, {"output_version": "v1"}], indirect=True)
    def test_agent_loop(self, model: BaseChatModel) -> None:
        super().test_agent_loop(model)
