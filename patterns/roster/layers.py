"""A roster over the one it extends: what it says comes first, what it leaves out is inherited.

Sections and entries are merged key by key; lists and plain values are replaced; an entry set to `null` is left out. A
flow that names another pattern gives up the inherited one. Nodes keep their marks, so that every place still knows its
file and line.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from patterns.roster.bases import Base, UnknownBaseError, find_base, shipped_now
from patterns.roster.schema import KINDS
from patterns.roster.yaml_faults import Composed, Fault, compose

EXTENDS = "extends"
_WHOLE = frozenset({"schema", "price"})
"""Values whose parts belong together, so they are replaced as a whole."""
_NO_RUN_NEEDS = frozenset({"new_channels"})
_ENTRY_DEPTH = 2


@dataclass(frozen=True)
class Layers:
    """A roster and what it extends, as one document; `base` is None when it stands alone."""

    composed: Composed
    base: Base | None

    @property
    def says_what_no_run_needs(self) -> bool:
        """Return whether it has keys that only matter outside of runs, and that earlier programs do not know."""
        budgets = _get(self.composed.node, "budgets") if isinstance(self.composed.node, yaml.MappingNode) else None
        return isinstance(budgets, yaml.MappingNode) and any(_key(key) in _NO_RUN_NEEDS for key, _ in budgets.value)

    def text(self, prompts: Mapping[str, str]) -> str:
        """Return the document as plain YAML that extends nothing.

        `prompts` names the prompt of each agent, and of the Router, whose prompt stands in the document itself.
        """
        root = self.composed.node
        if isinstance(root, yaml.MappingNode):
            root = _without_what_no_run_needs(root)
            agents = _get(root, "agents")
            entries = {_key(key): value for key, value in agents.value} if isinstance(agents, yaml.MappingNode) else {}
            entries["router"] = _get(root, "router")
            for name, prompt in prompts.items():
                _set(entries[name], "prompt", prompt)
        written: str = yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=10_000)
        return written


def _without_what_no_run_needs(root: yaml.MappingNode) -> yaml.MappingNode:
    pairs: list[tuple[yaml.Node, yaml.Node]] = []
    for key, value in root.value:
        if _key(key) == "budgets" and isinstance(value, yaml.MappingNode):
            kept = [pair for pair in value.value if _key(pair[0]) not in _NO_RUN_NEEDS]
            pairs.append((key, _like(value, kept)))
        else:
            pairs.append((key, value))
    return _like(root, pairs)


def layered(text: str, *, file: str) -> Layers:
    """Return a roster's text with what it extends below it."""
    own = compose(text, file=file)
    root = own.node
    if not isinstance(root, yaml.MappingNode) or _get(root, EXTENDS) is None:
        return Layers(own, None)
    named = _get(root, EXTENDS)
    faults = own.faults
    try:
        base = find_base(named.value if isinstance(named, yaml.ScalarNode) else "that")
    except UnknownBaseError as error:
        base = shipped_now()  # so that the rest can be checked
        faults = (*faults, Fault(named.start_mark.line + 1 if named else 1, f"{EXTENDS}: {error}"))
    below = compose(base.text, file=base.name).node
    again = [key for key, _ in root.value if _key(key) == EXTENDS][1:]
    faults += tuple(Fault(key.start_mark.line + 1, f"{EXTENDS} stands here twice; keep one") for key in again)
    rest = [pair for pair in root.value if _key(pair[0]) != EXTENDS]
    merged = _merged(_like(root, rest), below, ()) if isinstance(below, yaml.MappingNode) else root
    return Layers(Composed(merged, faults, own.lost_lines, own.lost_names), base)


def _merged(own: yaml.MappingNode, base: yaml.MappingNode, place: tuple[str, ...]) -> yaml.MappingNode:
    said: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    # Keys that stand twice stay so, for the check to tell.
    again = [pair for pair in own.value if said.setdefault(_key(pair[0]), pair) is not pair]
    kinds = said.keys() & set(KINDS) if place[:1] == ("flows",) and len(place) >= _ENTRY_DEPTH else set()
    pairs: list[tuple[yaml.Node, yaml.Node]] = []
    for key_node, inherited in base.value:
        key = _key(key_node)
        own_key, value = said.pop(key, (key_node, None))
        if value is None:
            if not kinds or key not in KINDS:
                pairs.append((key_node, inherited))
        elif _is_null(value):
            if not place:
                pairs.append((key_node, inherited))
        elif isinstance(value, yaml.MappingNode) and isinstance(inherited, yaml.MappingNode) and key not in _WHOLE:
            pairs.append((own_key, _merged(value, inherited, (*place, key))))
        else:
            pairs.append((own_key, value))
    return _like(own, [*pairs, *said.values(), *again])


def _like(node: yaml.MappingNode, pairs: list[tuple[yaml.Node, yaml.Node]]) -> yaml.MappingNode:
    return yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark, flow_style=False)


def _key(node: yaml.Node) -> str:
    return node.value if isinstance(node, yaml.ScalarNode) else "?"


def _get(node: yaml.MappingNode, key: str) -> yaml.Node | None:
    return next((value for key_node, value in node.value if _key(key_node) == key), None)


def _set(node: yaml.Node | None, key: str, text: str) -> None:
    if isinstance(node, yaml.MappingNode):
        value = yaml.ScalarNode("tag:yaml.org,2002:str", text)
        node.value = [(name, value if _key(name) == key else old) for name, old in node.value]


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in ("null", "~", "")
