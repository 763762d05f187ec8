"""The page of all sentences is what the code says, and no view is missing on it."""

from collections.abc import Iterator

from bot.messages.views import AnswerView, PrivateView, View
from tests.support.sentences import PAGE, SECTIONS, page


def _subclasses(of: type) -> Iterator[type]:
    for one in of.__subclasses__():
        yield one
        yield from _subclasses(one)


def test_the_page_of_sentences_is_current() -> None:
    assert page() == PAGE.read_text("utf-8"), "run `python -m tests.support.sentences` and read what changed"


def test_every_view_is_on_the_page() -> None:
    homes_and_forms = {"dict", "list"}
    shown = {type(view).__name__ for samples in SECTIONS.values() for _name, view in samples()} - homes_and_forms
    assert shown == {view.__name__ for view in _subclasses(View)} - {PrivateView.__name__} | {AnswerView.__name__}
