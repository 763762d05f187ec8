"""What an agent is given besides the request: explicit, named, frozen; agents share nothing else."""

from patterns.core.calls import Image
from patterns.core.context import Frozen, TaskContext
from patterns.roster.prompts import PromptPiece, Slots

HISTORY_CHARS = 6000
"""The newest turns that fit are shown; older ones are left out with a mark."""


class Handoff(Frozen):
    """Outputs of earlier stages, the draft under review and the feedback on it, by slot name."""

    material: tuple[PromptPiece, ...] = ()
    voices: tuple[PromptPiece, ...] = ()
    draft: str = ""
    feedback: str = ""
    human: str = ""
    acceptance: str = ""
    agents: str = ""
    flows: str = ""

    def slots(self, ctx: TaskContext) -> Slots:
        """Return everything a prompt template may show of this handoff and of the request, by slot name."""
        artifacts = tuple(
            PromptPiece(f"{item.name} ({item.media_type})", item.text or item.note or "shown as an image")
            for item in ctx.artifacts
        )
        return {
            "request": ctx.request,
            "history": _history(ctx),
            "artifacts": artifacts,
            "material": self.material,
            "voices": self.voices,
            "draft": self.draft,
            "feedback": self.feedback,
            "human": self.human,
            "acceptance": self.acceptance,
            "agents": self.agents,
            "flows": self.flows,
        }


EMPTY_HANDOFF = Handoff()
"""The first step of a run gets the request alone."""


def images(ctx: TaskContext) -> tuple[Image, ...]:
    """Return the images that came with a request."""
    return tuple(
        Image(item.media_type, data_base64=item.data_base64, file=item.file, digest=item.digest)
        for item in ctx.artifacts
        if item.is_picture
    )


def _history(ctx: TaskContext) -> str:
    turns = [f"{turn.role}: {turn.text}" for turn in ctx.history]
    shown: list[str] = []
    left = HISTORY_CHARS
    for turn in reversed(turns):
        if len(turn) > left:
            shown.append("[… earlier turns not shown]")
            break
        shown.append(turn)
        left -= len(turn)
    return "\n\n".join(reversed(shown))
