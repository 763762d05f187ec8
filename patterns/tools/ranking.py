"""Rank tools by the words of a query: BM25 over their names, descriptions and arguments. Pure, and no model.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with its usual constants.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

from patterns.core.tools import ToolSchema

K1, B = 1.2, 0.75
NAME_WEIGHT = 3
"""A word of a tool's name says more than one of its description."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
"""Words also of names such as `createIssue` and `create_issue`."""


def ranked(query: str, tools: Sequence[ToolSchema]) -> list[ToolSchema]:
    """Return the tools that have a word of the query, the best first; of equal ones the first by name."""
    documents = [_terms(tool) for tool in tools]
    mean = sum(document.total() for document in documents) / max(1, len(documents)) or 1.0
    among = Counter(term for document in documents for term in document)
    wanted = set(_words(query))

    def score(document: Counter[str]) -> float:
        longer = K1 * (1 - B + B * document.total() / mean)
        return sum(
            math.log(1 + (len(documents) - among[term] + 0.5) / (among[term] + 0.5))
            * document[term] * (K1 + 1) / (document[term] + longer)
            for term in wanted & document.keys()
        )  # fmt: skip

    scored = [(-score(document), tool.name, tool) for document, tool in zip(documents, tools, strict=True)]
    return [tool for below, _, tool in sorted(scored, key=lambda one: one[:2]) if below < 0]


def _terms(tool: ToolSchema) -> Counter[str]:
    properties = tool.parameters.get("properties")
    arguments = " ".join(map(str, properties)) if isinstance(properties, dict) else ""
    return Counter(_words(tool.name) * NAME_WEIGHT + _words(tool.description) + _words(arguments))


def _words(text: str) -> list[str]:
    """Return the words of a text in small letters; a plural counts as its singular."""
    found = (word.casefold() for word in _WORD.findall(text))
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found]  # noqa: PLR2004
