"""`agents roster show`: the roster that works here, as YAML, with a comment wherever it says what came from where."""

import re
import textwrap
from collections.abc import Iterator, Mapping

import yaml

from patterns.roster.layers import Layers
from patterns.roster.prompt_files import PromptFiles
from patterns.roster.yaml_lines import VARIABLE

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
_ENTRIES = ("models", "agents", "flows")


class Shown:
    """An effective roster as text. `file` is the roster's own name, as its marks carry it."""

    def __init__(self, layers: Layers, files: PromptFiles, *, file: str, env: Mapping[str, str]) -> None:
        self._layers = layers
        self._files = files
        self._file = file
        self._env = env

    def text(self) -> str:
        """Return all of it; what it prints is a roster again."""
        base = self._layers.base
        head = f"# {self._file}, over {base.name}." if base else f"# {self._file}"
        lines = [head, f"# Lines without a mark are inherited from {base.name}." if base else ""]
        root = self._layers.composed.node
        pairs = root.value if isinstance(root, yaml.MappingNode) else []
        for key, value in pairs:
            lines += ["", *self._section(key, value)] if isinstance(value, yaml.MappingNode) else self._leaf(key, value)
        return "\n".join(line.rstrip() for line in lines if line is not None) + "\n"

    def _section(self, key: yaml.Node, value: yaml.MappingNode) -> Iterator[str]:
        yield f"{key.value}:"
        for name, entry in value.value:
            if key.value in _ENTRIES and isinstance(entry, yaml.MappingNode):
                yield f"  {name.value}:{self._origin(entry)}"
                yield from textwrap.indent("\n".join(self._fields(entry)), "    ").splitlines()
            else:
                yield from textwrap.indent("\n".join(self._leaf(name, entry)), "  ").splitlines()

    def _fields(self, entry: yaml.MappingNode) -> Iterator[str]:
        is_mixed = len(self._files_in(entry)) > 1
        for key, value in entry.value:
            yield from self._leaf(key, value, marks=is_mixed)

    def _files_in(self, node: yaml.Node) -> set[str]:
        if isinstance(node, yaml.MappingNode):
            return {file for _, value in node.value for file in self._files_in(value)}
        return {str(node.start_mark.name)}

    def _origin(self, entry: yaml.MappingNode) -> str:
        """Return the comment behind the name of an entry."""
        files = self._files_in(entry)
        if self._layers.base is None or self._file not in files:
            return ""
        if len(files) > 1:
            return f"  # inherited, with changes of {self._file}"
        return f"  # {self._file}:{entry.start_mark.line + 1}"

    def _leaf(self, key: yaml.Node, value: yaml.Node, *, marks: bool = True) -> list[str]:
        """Return a key and its value; a comment stands behind one line, and above several."""
        comments = []
        if marks and self._layers.base is not None and self._file in self._files_in(value):
            comments.append(f"{self._file}:{value.start_mark.line + 1}")
        if isinstance(value, yaml.ScalarNode):
            value, said = self._expanded(value)
            comments += said
            if key.value == "prompt" and value.value in self._files.own:
                comments.append(self._files.own[value.value])
        pair = yaml.MappingNode("tag:yaml.org,2002:map", [(key, value)], flow_style=False)
        text = yaml.serialize(pair, Dumper=yaml.SafeDumper, allow_unicode=True, width=10_000)
        lines: list[str] = text.rstrip("\n").splitlines()
        comment = f"# {', '.join(comments)}"
        if not comments:
            return lines
        return [f"{lines[0]}  {comment}"] if len(lines) == 1 else [comment, *lines]

    def _expanded(self, node: yaml.ScalarNode) -> tuple[yaml.ScalarNode, list[str]]:
        """Return a value with its variables filled in, and which they were; one that may be secret stays as written."""
        said = []

        def fill(match: re.Match[str]) -> str:
            name, default = match.group(1), match.group(3)
            if _SECRET.search(name):
                return match.group(0)
            said.append(f"from {name}" if self._env.get(name) else f"{name} is not set")
            return self._env.get(name) or default or ""

        text = VARIABLE.sub(fill, str(node.value))
        return yaml.ScalarNode(node.tag, text, node.start_mark, node.end_mark, style=node.style), said
