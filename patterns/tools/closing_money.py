"""The money of a step's closing turn: reserved before the first turn, and again before the step may grow."""

from dataclasses import dataclass

from patterns.core.holds import Hold, ReserveRequest
from patterns.core.tasks import run_to_completion
from patterns.services import Services, join


@dataclass
class ClosingMoney:
    """The reservation of one step. In a fan-out the first turn and the closing one were reserved together, outside."""

    services: Services
    path: str
    _reserved: Hold | None = None
    _count: int = 0

    @property
    def envelope(self) -> str | None:
        """Return the reservation that the closing turn draws on."""
        return self._reserved.call_id if self._reserved else self.services.envelope

    async def reserve(self, turn: int, amount_nusd: int) -> None:
        """Reserve an amount in place of what was reserved before; for the first turn of a fan-out's step that stands.

        Raises:
            BudgetExceededError: that is more than there is; what was reserved before stays.
        """
        services = self.services
        if services.envelope is not None and turn == 1:
            return
        if self._reserved is not None and amount_nusd <= self._reserved.amount_nusd:
            return  # what is left over goes with the closing turn, and nothing has to be written now
        self._count += 1
        request = ReserveRequest(
            call_id=f"{services.fence.run_id}/{self.path}/closing/{services.fence.epoch}.{self._count}",
            fence=services.fence,
            payer=services.payer,
            caps=services.caps,
            path=join(self.path, "closing"),
            flow=services.flow,
            amount_nusd=amount_nusd,
        )
        (reserved,) = await services.ledger.reserve_many([request])
        before, self._reserved = self._reserved, reserved
        if before is not None:
            await run_to_completion(services.ledger.release([before]))

    async def free(self) -> None:
        """Release what is left, even while being cancelled."""
        if self._reserved is not None:
            await run_to_completion(self.services.ledger.release([self._reserved]))
