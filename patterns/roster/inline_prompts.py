"""Short prompts that stand in the roster itself, where other agents name a file.

Such a prompt is what the agent is told; with a line `=== user` it also says what the agent is given. Without one the
agent is given everything its place in a flow has for it.
"""

import hashlib
from collections.abc import Mapping

from patterns.roster.agent_schema import AgentSpec, is_inline_prompt
from patterns.roster.consistency import ROUTER
from patterns.roster.prompt_files import PromptFiles
from patterns.roster.prompts import has_user_line
from patterns.roster.schema import RosterFile

INLINE = "inline-"
"""How the names of prompts begin that stand in the roster; no file may be called so."""
NAME_CHARS = 40
GIVEN = '=== user\n{% include "_given.md.j2" %}'


def inline_name(agent: str) -> str:
    """Return the name under which the prompt of an agent is kept, when it stands in the roster."""
    name = f"{INLINE}{agent}"
    digest = hashlib.sha256(agent.encode()).hexdigest()[:8]
    return name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 9]}-{digest}"


def with_named_prompts(parsed: RosterFile, files: PromptFiles) -> tuple[RosterFile, dict[str, str], dict[str, str]]:
    """Return the roster with a name in place of every prompt that stands in it.

    Besides it: the sources of all its prompts by name, and those names by agent.

    A name that is known already keeps its text: a run goes on with what it began with.
    """
    sources = dict(files.sources)
    agents: dict[str, AgentSpec] = {}
    for name, agent in parsed.agents.items():
        agents[name] = agent.model_copy(update=_named(name, agent.prompt, files, sources))
    router = parsed.router.model_copy(update=_named(ROUTER, parsed.router.prompt, files, sources))
    changed = parsed.model_copy(update={"agents": agents, "router": router})
    named = {name: agent.prompt for name, agent in agents.items() if agent.prompt != parsed.agents[name].prompt}
    if router.prompt != parsed.router.prompt:
        named[ROUTER] = router.prompt
    return changed, sources, named


def _named(agent: str, prompt: str, files: PromptFiles, sources: dict[str, str]) -> Mapping[str, str]:
    if not is_inline_prompt(prompt):
        return {}
    name = inline_name(agent)
    text = prompt if has_user_line(prompt) else f"{prompt.rstrip()}\n{GIVEN}"
    sources.setdefault(name, files.resolve(text))
    return {"prompt": name}
