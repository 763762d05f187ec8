"""Every error of ours, grouped by what a caller must do; each message says what a person can do next."""

from enum import StrEnum

from patterns.core.reasons import Reason


class AgentsError(Exception):
    """Something went wrong inside Agents for Slack. The log holds the details under the run id."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class UserError(AgentsError):
    """That request could not be understood. Type /agents help for examples."""


class RosterError(AgentsError):
    """The roster has mistakes. Each line of the report names the file, the line and the fix."""


class StorageError(AgentsError):
    """The database could not be used. Run `agents doctor` to see what it needs.

    `may_pass` says that the same may succeed later: a lock, a full disk and a server that is away do pass.
    """

    may_pass = True


class RunLostError(AgentsError):
    """Another process owns this run now; this one stops without publishing anything."""


class CancelledRunError(AgentsError):
    """The run was stopped by a person."""


class DriftError(AgentsError):
    """A finished step no longer matches its input: the prompts or the roster changed under a running request."""


class LimitReachedError(AgentsError):
    """A limit of this run was reached: its time, its steps or its depth. `limit` says which."""

    spent_nusd = 0
    """What attempts of the step had already cost."""

    def __init__(self, message: str, *, limit: Reason) -> None:
        super().__init__(message)
        self.limit = limit


class BudgetExceededError(AgentsError):
    """The budget does not cover the next call; nothing was sent.

    Amounts are integer nano-dollars. `kind` names the account that refused (workspace, channel, dm, user, run, stage),
    `blocked` the reason when it is not a matter of amounts (paused, frozen, quarantined, clock).
    """

    spent_nusd = 0
    """What attempts of the step had already cost."""

    def __init__(  # noqa: PLR0913 - a refusal names all of it, each by keyword
        self,
        message: str,
        *,
        kind: str,
        key: str,
        period: str = "",
        needed_nusd: int = 0,
        limit_nusd: int = 0,
        settled_nusd: int = 0,
        reserved_nusd: int = 0,
        blocked: Reason | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.key = key
        self.period = period
        self.needed_nusd = needed_nusd
        self.limit_nusd = limit_nusd
        self.settled_nusd = settled_nusd
        self.reserved_nusd = reserved_nusd
        self.blocked = blocked

    @property
    def reason(self) -> Reason:
        """Return why the account refused."""
        return self.blocked or Reason.BUDGET

    @property
    def free_nusd(self) -> int:
        """Return what the refusing account still had in nano-dollars, never below zero."""
        return max(0, self.limit_nusd - self.settled_nusd - self.reserved_nusd)


class ReservationRefusedError(AgentsError):
    """The money that this call was to draw on could not be reserved; nothing was held or sent."""


class Charge(StrEnum):
    """What a failed attempt cost, as far as that can be known."""

    NOTHING = "nothing"
    """Nothing reached the provider, or it refused with an error status that is known not to be billed."""
    UNCERTAIN = "uncertain"
    """The request was on the wire and no usage came back: the whole hold counts."""
    BILLED = "billed"
    """No answer came, but its bill did: that counts."""


SIBLING_ENDED = "a sibling ended"
"""The message of an `asyncio.CancelledError` by which a branch is stopped because others decided, and no person did."""
NEVER_SENT = "never sent"
"""The message of an `asyncio.CancelledError` that came before anything of a call was written."""


class ModelError(AgentsError):
    """A model did not answer.

    `retryable` is about the same model; a fallback may be tried either way. `retry_after_s` is the provider's wish.
    `fix` says what an admin can do about it.
    """

    def __init__(  # noqa: PLR0913 - each by keyword
        self,
        message: str,
        *,
        reason: str,
        retryable: bool,
        charge: Charge,
        status: int | None = None,
        retry_after_s: float | None = None,
        fix: str = "",
    ) -> None:
        super().__init__(message)
        self.fix = fix
        self.reason = Reason(reason)
        self.retryable = retryable
        self.charge = charge
        self.status = status
        self.retry_after_s = retry_after_s


class CircuitOpenError(ModelError):
    """The provider of a model has been failing, so nothing was held or sent. `since` says since when, in words."""

    def __init__(self, model: str, *, since: str, retry_after_s: float) -> None:
        reason = Reason.CIRCUIT_OPEN
        super().__init__(
            reason.sentence(model=model, since=since),
            reason=reason,
            retryable=True,
            charge=Charge.NOTHING,
            retry_after_s=retry_after_s,
        )
        self.model = model
        self.since = since


class ParkedError(AgentsError):
    """The run waits for people's decisions and has released its task and its holds.

    `paths` are the questions that the work cannot go on without; branches that ran side by side may each have one.
    """

    def __init__(self, *paths: str) -> None:
        super().__init__()
        self.paths = paths
