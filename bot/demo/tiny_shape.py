"""What helps a model of 135 million parameters to a readable answer: simple words in, a bounded form out. Pure.

A text is one to three sentences by llama.cpp's grammar; a structured reply follows its schema, with short texts in it.
The marks around quoted text are left out, because the model writes about them instead of about the text.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

SENTENCES = r"""
root ::= sentence (" " sentence){0,2}
sentence ::= [A-ZÀ-Þ] (plain | "." [0-9a-z]){8,300} [a-zß-ÿ)"'] [.!?]
plain ::= [^.!?\n<>{}|*#_`@\x5B\x5D]
"""
"""One to three sentences and then the end; `3.5` is no end of a sentence."""
WORDS = "^[A-Z][a-z,' ]{6,90}$"
"""The texts inside a structured reply: without bounds they become endless rows of numbers."""
ITEMS = 1
AGAINST_LOOPS = {"dry_multiplier": 0.8, "dry_allowed_length": 3}
SENTENCE_CHARS = 300
"""A sentence that is cut there has no end of its own."""
WARMER = 0.2
"""How much more freely each further try picks its words."""
ECHOED = 2
"""So many of the request's own words show that an answer is about it."""
PARROTED = 4
"""So many words of the instructions in a row are no answer but their echo."""
_STEPS = 10
_FENCED = re.compile(r"<request:([0-9a-f]{12})>\n(.*?)\n</request:\1>", re.DOTALL)
_ENDED = re.compile(r"[^\W\d][\"')]*[.!?]+[\"')]*$")
_WORD = re.compile(r"[^\W\d_]{4,}")
_MARKS = re.compile(r"</?[a-z]+:[0-9a-f]{12}>\n?")
_RULE = re.compile(r"\s*Text between a mark like <name:.*", re.DOTALL)
_SMALL = frozenset(
    re.findall(
        r"\w+",
        "about also because been being between both could does from have into just like make many more most much only"
        " other over should some such than that their them then there these they this those very what when where which"
        " while will with would your explain compare write short please",
    )
)
Json = dict[str, Any]


def shaped(asked: Mapping[str, Any], number: int = 0) -> Json:
    """Return a request's body as llama.cpp gets it for a first or further try."""
    plain = [{**said, "content": unfenced(said["content"])} for said in asked["messages"]]
    body = {**asked, "messages": plain, "stream": False}
    body.pop("stream_options", None)
    if number:
        plain[-1]["content"] += _hint(asked, plain[-1]["content"])
        body |= {"temperature": asked.get("temperature", 0) + WARMER * number, "seed": asked.get("seed", 0) + number}
    form = asked.get("response_format") or {}
    if form.get("type") != "json_schema":
        return {**body, **AGAINST_LOOPS, "grammar": SENTENCES}
    described = form["json_schema"]
    return {**body, "response_format": {**form, "json_schema": {**described, "schema": narrow(described["schema"])}}}


def _hint(asked: Mapping[str, Any], content: str) -> str:
    """Return what is added to the last message of a further try: the words of the request that an answer would have."""
    wanted = [word for word in dict.fromkeys(_WORD.findall(content.casefold())) if word in _content(_request(asked))]
    return f"\n\nUse the words {' and '.join(wanted[:ECHOED])}." if wanted else ""


def unfenced(text: str) -> str:
    """Return a message without the marks around quoted text and without the rule about them."""
    return _MARKS.sub("", _RULE.sub("", text)).strip()


def narrow(schema: Any) -> Any:  # noqa: ANN401 - a JSON Schema is any JSON
    """Return a schema that allows less: short plain texts, lists of one item, numbers between bounds in ten steps."""
    if isinstance(schema, list):
        return [narrow(part) for part in schema]
    if not isinstance(schema, dict) or "enum" in schema:
        return schema
    inside = {name: narrow(part) for name, part in schema.items()}
    match inside.get("type"):
        case "string":
            return {**inside, "pattern": WORDS}
        case "array" if "maxItems" not in inside:
            return {**inside, "minItems": ITEMS, "maxItems": ITEMS}
        case "number" if "minimum" in inside and "maximum" in inside:
            low, high = inside["minimum"], inside["maximum"]
            return {"enum": [round(low + (high - low) * step / _STEPS, 6) for step in range(_STEPS + 1)]}
    return inside


def faults(asked: Mapping[str, Any], reply: Mapping[str, Any]) -> int:
    """Return how much is wrong with a text: cut, repeated, copied, off the subject, or the instructions over again."""
    choice = reply["choices"][0]
    count = int(choice["finish_reason"] != "stop")
    if asked.get("response_format"):
        return count
    text = str(choice["message"]["content"])
    sentences = Counter(part.strip().casefold() for part in re.split(r"(?<=[.!?])\s+", text))
    shown = "\n".join(unfenced(said["content"]) for said in asked["messages"]).casefold()
    count += sum(times - 1 for times in sentences.values()) + sum(said in shown for said in sentences)
    count += sum(len(said) >= SENTENCE_CHARS or not _ENDED.search(said) for said in sentences)
    request = _request(asked)
    wanted = _content(request)
    count += max(0, min(ECHOED, len(wanted)) - len(wanted & _content(text)))
    told = " ".join(unfenced(said["content"]) for said in asked["messages"] if said["role"] == "system")
    count += "use the words" in text.casefold()
    return count + len((_runs(told) - _runs(request)) & _runs(text))


def _request(asked: Mapping[str, Any]) -> str:
    return "\n".join(found[2] for said in asked["messages"] for found in _FENCED.finditer(said["content"]))


def _content(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.casefold()) if word not in _SMALL}


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[at : at + PARROTED]) for at in range(len(words) - PARROTED + 1)}


def events(reply: Mapping[str, Any]) -> Iterator[bytes]:
    """Return a whole reply as the events of a stream, a word each."""
    choice, head = reply["choices"][0], {name: reply[name] for name in ("id", "created", "model") if name in reply}
    for word in re.findall(r"\S+\s*|\s+", choice["message"]["content"] or ""):
        yield _event({**head, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    yield _event({**head, "choices": [], "usage": reply.get("usage")})
    yield b"data: [DONE]\n\n"


def _event(data: Json) -> bytes:
    return b"data: " + json.dumps({"object": "chat.completion.chunk", **data}).encode() + b"\n\n"
