import pytest

from tests.fakes.bot_services import Bot


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Bot:
    made = Bot()
    made.slack.install(monkeypatch)
    return made
