"""The context of a run as one frozen value: agents share nothing that is not in it or handed on by name."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of the immutable values here; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Turn(Frozen):
    """One earlier exchange of the thread, from the stored transcript."""

    role: Literal["user", "assistant"]
    text: str


class Artifact(Frozen):
    """Material that came with the request: a file, an image or a quoted thread. Always untrusted.

    A picture is a stored `file` with the SHA-256 `digest` and the number of its bytes. `data_base64` is how older
    versions kept one.
    """

    name: str
    media_type: str
    text: str = ""
    data_base64: str = ""
    note: str = ""
    file: str = ""
    digest: str = ""
    size: int = 0

    @property
    def is_picture(self) -> bool:
        """Return whether it is an image that is still there to be shown."""
        return bool(self.file or self.data_base64) and self.media_type.startswith("image/")


class TaskContext(Frozen):
    """One request, from the person to the last agent.

    `run_id` is the correlation id of every log line, journal step and ledger row. `channel_kind` decides which
    monthly account pays: the channel's, or the person's own in a direct message.
    """

    run_id: str
    workspace: str
    channel: str
    channel_kind: Literal["channel", "dm"]
    thread: str
    user: str
    request: str
    history: tuple[Turn, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
