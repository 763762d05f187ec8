"""What people chose for themselves, on both databases: theirs alone, handed over and erased with all of theirs."""

from storage.database.database import Database
from storage.preferences import Preferences
from tests.support.ledgers import FakeClock, personal_data


async def test_people_are_mentioned_until_they_say_no_and_again_when_they_say_yes(database: Database) -> None:
    chosen = Preferences(database, FakeClock())
    assert await chosen.is_mentioned("T1", "U1")
    for is_on in (False, False, True, False):
        await chosen.set_mentioned("T1", "U1", is_on=is_on)
        assert await chosen.is_mentioned("T1", "U1") == is_on
    assert await chosen.is_mentioned("T1", "U2")
    assert await chosen.is_mentioned("T2", "U1")


async def test_a_choice_is_handed_over_and_erased_with_the_person(database: Database) -> None:
    clock = FakeClock()
    chosen, data = Preferences(database, clock), personal_data(database, clock)
    for workspace, user in (("T1", "U1"), ("T1", "U2"), ("T2", "U1")):
        await chosen.set_mentioned(workspace, user, is_on=False)
    (kept,) = (await data.export_person(workspace="T1", user="U1"))["settings"]
    assert (kept["name"], kept["value"]) == ("mention_when_ready", "off")
    await data.request_person_erasure(workspace="T1", user="U1", actor="U1")
    assert await data.erase_requested() == []
    assert (await data.export_person(workspace="T1", user="U1"))["settings"] == []
    assert [await chosen.is_mentioned("T1", "U1"), await chosen.is_mentioned("T1", "U2")] == [True, False]
    assert not await chosen.is_mentioned("T2", "U1")
