"""What a model thinks aloud is no answer: whatever it marks it with, and however the text is split on its way."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.core.thinking import ThinkingFilter
from tests.support.examples import examples

READ = [
    ("<think>\nsecret\n</think>\n\nThe answer.", "The answer."),
    ("secret\n</think>\n\nThe answer.", "The answer."),
    ("<think>a<think>b</think>c</think>Answer", "Answer"),
    ("<think>\n<think>\na\n</think>\nAnswer", "Answer"),
    ("Hello <think>x</think> world", "Hello world"),
    ("<THINKING>x</THINKING >\nHi", "Hi"),
    ("<think>only", ""),
    ("<think>a</think>", ""),
    ("a</think>", ""),
    ("<think>a</think>B</think>", "B"),
    ("<think>a</think>B</think>C", "C"),
    ("Use `<think>` tags, `</think>` too.", "Use `<think>` tags, `</think>` too."),
    ("```xml\n<think>\na\n</think>\n```\nThat is it.", "```xml\n<think>\na\n</think>\n```\nThat is it."),
    (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>The answer.<|return|>",
        "The answer.",
    ),
    ("<|channel|>analysis<|message|>hm<|end|>", ""),
    (
        (
            "<|start|>assistant<|channel|>commentary to=functions.x <|constrain|>json<|message|>{}<|call|>"
            "<|start|>assistant<|channel|>final<|message|>Ok"
        ),
        "Ok",
    ),
    ("analysisWe need x.assistantfinalThe answer", "The answer"),
    ("analysisResult is null", "analysisResult is null"),
    ("analysis of it", "analysis of it"),
    ("<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nmore?", "Hello"),
    ("Hi<|eot_id|>", "Hi"),
    ("Hi</s>", "Hi"),
    ("<s>Hi", "Hi"),
    ("[THINK]a[/THINK]b", "b"),
    ("\u25c1think\u25b7a\u25c1/think\u25b7b", "b"),
    ("<start_of_turn>model\nHi<end_of_turn>", "Hi"),
    ("<|start_header_id|>assistant<|end_header_id|>\n\nHi<|eot_id|>", "Hi"),
    ("<think>x</think><answer>42</answer>", "42"),
    ("The <think> tag marks thinking.", "The <think> tag marks thinking."),
    ("&lt;think&gt;a&lt;/think&gt;b", "b"),
    ("Intro\n\n<think>x</think>\n\nBody", "Intro\n\nBody"),
    ("<|channel>thought\nabc<channel|>Hi", "Hi"),
    ("plain  text\n\n    code\n", "plain  text\n\n    code\n"),
    ("Here:\n```python\nprint(1)\n<|im_end|>", "Here:\n```python\nprint(1)\n"),
    ("<think>a ```py\nx\n</think>Ans", "Ans"),
    ("We do\n```\nx\n</think>\n\nAns", "Ans"),
    ('<details type="reasoning" done="true">\na</details>\nAns', "Ans"),
    ("<details><summary>x</summary>y</details>", "<details><summary>x</summary>y</details>"),
    ("<|user|>", ""),
    ("A<\uff5cend\u2581of\u2581sentence\uff5c>", "A"),
    ("if a < b and c > d then <b>bold</b>", "if a < b and c > d then <b>bold</b>"),
    ("<think/>Hi", "Hi"),
    ("<think></think>\n\nHi", "Hi"),
    ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END_RESPONSE|>", "b"),
    ("<seed:think>a</seed:think>b", "b"),
    ("<|begin_of_thought|>a<|end_of_thought|>\n<|begin_of_solution|>\nb\n<|end_of_solution|>", "b"),
    ("Answer.\n\n<think>more", "Answer."),
    ("<analysis>Postgres wins.</analysis>\n", "Postgres wins."),
    ("<analysis>Postgres wins.</analysis>\n\n---", "---Postgres wins."),
    ("Here it is:\n<analysis>Postgres wins.</analysis>", "Here it is:\nPostgres wins."),
    ("<analysis>Postgres wins because", "Postgres wins because"),
    ("Postgres wins.</analysis>", "Postgres wins."),
    ("We think.</analysis>Postgres wins.", "Postgres wins."),
    ("<analysis>We think.</analysis>\n\nPostgres wins.", "Postgres wins."),
    ("<reflection>Postgres wins.</reflection>", "Postgres wins."),
    (
        "<report>\n<analysis>a</analysis>\n<summary>b</summary></report>",
        "<report>\n<analysis>a</analysis>\n<summary>b</summary></report>",
    ),
    ("It costs <s>10</s> 8 dollars.", "It costs <s>10</s> 8 dollars."),
    ("<s>Old price</s> New price.", "<s>Old price</s> New price."),
    ("- <s>done</s>\n- open", "- <s>done</s>\n- open"),
    ("Use <s> and </s> for it.", "Use <s> and </s> for it."),
    ("<s> Hi.</s>", "Hi."),
    ("<s>Hi.</s><s>", "Hi."),
]
FRAGMENTS = [
    "<analysis>",
    "</analysis>",
    "<report>",
    "<think>",
    "</think>",
    "<think",
    "think>",
    "`",
    "``",
    "```",
    "\n",
    "~~~",
    "\n```python\n",
    " ",
    "a",
    "Bc",
    "<|im_end|>",
    "<|im_start|>",
    "user",
    "assistant",
    "<|channel|>",
    "analysis",
    "final",
    "<|message|>",
    "<|end|>",
    "<|start|>",
    "<s>",
    "</s>",
    "[THINK]",
    "[/THINK]",
    "<answer>",
    "</answer>",
    '<details type="reasoning">',
    "</details>",
    "<",
    "&lt;think&gt;",
    "&lt;/",
    "- ",
    "1. ",
    "    ",
    "<think/>",
    "assistantfinal",
    "[INST]",
    "[/INST]",
    "<|user|>",
]


def visible(text: str) -> str:
    whole = ThinkingFilter()
    whole.feed(text)
    whole.close()
    return whole.text


@pytest.mark.parametrize(("text", "expected"), READ)
def test_only_the_answer_is_visible(text: str, expected: str) -> None:
    assert visible(text) == expected


@pytest.mark.parametrize(("text", "expected"), READ)
def test_a_stream_of_single_characters_reads_the_same(text: str, expected: str) -> None:
    assert streamed(list(text)) == expected


def streamed(pieces: list[str]) -> str:
    """What somebody sees who takes away what is withdrawn."""
    stream, shown, withdrawals = ThinkingFilter(), "", 0
    for step in [*[lambda piece=piece: stream.feed(piece) for piece in pieces], stream.close]:
        new = step()
        shown = new if stream.withdrawals > withdrawals else shown + new
        withdrawals = stream.withdrawals
    return shown


@examples(500)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join), st.lists(st.integers(0, 80), max_size=8))
def test_any_split_gives_the_same_visible_text(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(places) if start < end]
    assert streamed(pieces) == visible(text)


@examples(200)
@given(st.text(alphabet="ab .,:\n#*-_|0123456789()"))
def test_a_text_without_marks_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_what_was_given_out_before_a_lone_closing_tag_is_withdrawn() -> None:
    stream = ThinkingFilter()
    assert stream.feed("They want a name. ") == "They want a name."
    assert (stream.feed("</think>"), stream.withdrawals) == ("", 0)
    assert (stream.feed("Ada."), stream.withdrawals) == ("Ada.", 1)
