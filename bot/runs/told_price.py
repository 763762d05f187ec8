"""The price that a run's plan was told with, as the journal keeps it."""

from patterns.core.quotes import PriceEstimate
from patterns.core.step_record import StepRecord
from storage.run_rows import RunRow

PRICE_PATH = "price"
"""Path of the journalled price."""


def estimate_in(told: StepRecord, run: RunRow) -> PriceEstimate:
    """Return the price in a journalled decision under `PRICE_PATH`."""
    worst_nusd = told.data.get("worst_nusd", run.worst_nusd)
    typical_nusd = told.data.get("typical_nusd", worst_nusd)
    return PriceEstimate.of(typical_nusd=typical_nusd, worst_nusd=worst_nusd, usual_nusd=told.data.get("expected_nusd"))
