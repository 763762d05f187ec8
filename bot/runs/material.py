"""Attachments of a request: what was read, and what was left out and why."""

from collections.abc import Collection, Sequence

from patterns.core.context import Artifact, Frozen

EARLIER_RUNS = 5
"""Number of the thread's earlier requests whose attachments a follow-up still sees."""
ARTIFACTS_MAX = 20
PICTURES_MAX = 8
"""Pictures that one request to a model holds: its own, then those of earlier requests. Providers bound their bytes."""


class Attachments(Frozen):
    """Artifacts, a short label for each thing that was read, and a sentence for each that was left out.

    `refused` says what the request names and cannot get, so that it is not worked on without it. `people` are the ids
    of those whose words are in it, so that they can have them forgotten.
    """

    artifacts: tuple[Artifact, ...] = ()
    read: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def __add__(self, other: "Attachments") -> "Attachments":
        return Attachments(
            artifacts=self.artifacts + other.artifacts,
            read=self.read + other.read,
            left_out=self.left_out + other.left_out,
            people=tuple(dict.fromkeys(self.people + other.people)),
            refused=self.refused + other.refused,
        )

    @property
    def pictures(self) -> tuple[str, ...]:
        """Return the names of the pictures, which only vision models can use."""
        return tuple(artifact.name for artifact in self.artifacts if artifact.is_picture)

    @property
    def read_words(self) -> str:
        """Return `Read 42 messages, notes.md.`; empty when nothing was read."""
        return f"Read {', '.join(self.read)}." if self.read else ""


def artifacts_of(kept: Sequence[str], *, kept_files: Collection[str] = ()) -> tuple[Artifact, ...]:
    """Return what agents may see of stored attachments, in their order; of pictures the first few that are kept."""
    found = [artifact for text in kept for artifact in Attachments.model_validate_json(text).artifacts]
    shown, pictures = [], 0
    for artifact in found[:ARTIFACTS_MAX]:
        is_gone = bool(artifact.file) and artifact.file not in kept_files
        if artifact.is_picture and (is_gone or pictures == PICTURES_MAX):
            why = "a picture that is no longer kept" if is_gone else "a picture of an earlier request, not shown again"
            shown.append(Artifact(name=artifact.name, media_type=artifact.media_type, note=why))
            continue
        pictures += artifact.is_picture
        shown.append(artifact)
    return tuple(shown)
