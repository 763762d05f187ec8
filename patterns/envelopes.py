"""Reservations for later work, released however that work ends.

A fan-out reserves its voices and its synthesis, a run its closing summary. A hold that names an envelope draws on that
reservation first.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from patterns.core.holds import Hold, ReserveRequest
from patterns.core.tasks import run_to_completion
from patterns.services import Services


@asynccontextmanager
async def reserved(
    place: Services, parts: Mapping[str, int], *, joined: bool = False
) -> AsyncIterator[Mapping[str, Hold]]:
    """Reserve money for the parts below a place, all or nothing; yield the reservations by part name.

    `parts` holds nano-dollars. What is left of the reservations is released when the block ends. `joined`: they are
    written with the next hold of the run, which raises ReservationRefusedError if it draws on them and they do not fit.

    Raises:
        BudgetExceededError: they do not fit together.
    """
    requests = [_reservation(place, name, nusd) for name, nusd in parts.items()]
    holds = await place.ledger.reserve_many(requests, joined=joined)
    try:
        yield dict(zip(parts, holds, strict=True))
    finally:
        await release_envelopes(place, holds)


async def release_envelopes(place: Services, envelopes: Sequence[Hold]) -> None:
    """Release what is left of reservations, even while being cancelled. Idempotent."""
    await run_to_completion(place.ledger.release(envelopes))


def with_envelope(place: Services, envelope: Hold | None) -> Services:
    """Return the same place with holds that draw on this reservation first."""
    return place if envelope is None else replace(place, envelope=envelope.call_id)


def _reservation(place: Services, name: str, amount_nusd: int) -> ReserveRequest:
    return ReserveRequest(
        call_id=f"{place.fence.run_id}/{place.at(name)}/{place.fence.epoch}.reserve.{amount_nusd}",
        fence=place.fence,
        payer=place.payer,
        caps=place.caps,
        path=place.at(name),
        flow=place.flow,
        amount_nusd=amount_nusd,
    )
