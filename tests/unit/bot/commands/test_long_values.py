"""However long a word, a number or a reason is: it is refused in one short sentence, or taken as a request's text."""

import pytest

from bot.commands.commands import Invalid
from bot.commands.parser import parse
from patterns.core.errors import UserError

CHARS = 20_000
MODELS = "Write at most 50 providers or models, each as short as its name."
VALUES = {
    "word": "x" * CHARS,
    "words": "word " * (CHARS // 5),
    "digits": "9" * CHARS,
    "points": "9." * (CHARS // 2),
    "marks": "@<>&`*_~|" * (CHARS // 9),
    "quotes": "\"'" * (CHARS // 2),
}
FORMS = [
    "use {} : hi",
    "use {} hi",
    "use answer with {}: hi",
    "estimate use {}: hi",
    "budget {}",
    "budget set {}",
    "budget set limit {}",
    "budget grant {}",
    "budget alerts {}",
    "budget report {}",
    "budget release {}",
    "budget models {}",
    "budget user-cap {}",
    'budget grant 5 "{}"',
    'budget freeze "{}"',
    "set budget {}",
    "allow {}",
    "help {}",
]


def refusal(text: str) -> str:
    """Return what is said to somebody who wrote that; empty where it is understood, as a command or a request."""
    try:
        command = parse(text, flows=("decide", "answer"), agents=("critic",))
    except UserError as error:
        return str(error)
    return command.message if isinstance(command, Invalid) else ""


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("form", FORMS)
def test_a_long_value_is_understood_or_refused_in_short(form: str, value: str) -> None:
    assert len(refusal(form.format(value))) < 700


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("budget set " + "9" * 5_000, f"{'9' * 40}… is too long for an amount. Write it like 50 or $50."),
        ("budget alerts " + "9" * 5_000, "Write the thresholds as whole per cent, like 50 80 95."),
        ("budget models " + "m" * 5_000, MODELS),
    ],
)
def test_what_is_too_long_says_how_to_write_it(text: str, said: str) -> None:
    assert refusal(text) == said
