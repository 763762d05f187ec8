"""Whose run is next: fewest running first, round robin, and nobody holds more than a share."""

from collections import Counter

from bot.runs.fair_scheduler import FairScheduler
from storage.run_rows import Lane


def lane(user: str, channel: str = "C1", workspace: str = "T1") -> Lane:
    return Lane(workspace, channel, user)


def fill(scheduler: FairScheduler, count: int, where: Lane, name: str = "") -> list[str]:
    runs = [f"{name or where.user}{number}" for number in range(count)]
    for run_id in runs:
        scheduler.add(run_id, where)
    return runs


def one_after_another(scheduler: FairScheduler) -> list[str]:
    """Every run in the order in which one slot takes them."""
    order: list[str] = []
    while begun := list(scheduler.start()):
        order += begun
        for run_id in begun:
            scheduler.end(run_id)
    return order


def test_a_person_holds_a_quarter_of_the_slots_and_a_channel_half() -> None:
    scheduler = FairScheduler(32)
    fill(scheduler, 500, lane("ann"))
    assert len(list(scheduler.start())) == 8
    for user in ("bob", "cem", "dan", "eve"):
        fill(scheduler, 20, lane(user))
    begun = Counter(run_id[:3] for run_id in scheduler.start())
    assert begun == {"bob": 2, "cem": 2, "dan": 2, "eve": 2}
    assert list(scheduler.start()) == []


def test_the_share_of_a_person_counts_every_channel() -> None:
    scheduler = FairScheduler(32)
    for number in range(10):
        fill(scheduler, 5, lane("ann", f"C{number}"), name=f"c{number}-")
    assert len(list(scheduler.start())) == 8


def test_the_same_id_in_another_workspace_is_another_person_and_channel() -> None:
    scheduler = FairScheduler(32)
    fill(scheduler, 20, lane("ann"), name="here")
    fill(scheduler, 20, lane("ann", workspace="T2"), name="there")
    assert Counter(run_id[:4] for run_id in scheduler.start()) == {"here": 8, "ther": 8}


def test_another_channel_finds_a_slot_at_once_while_hundreds_of_one_person_wait() -> None:
    scheduler = FairScheduler(32)
    fill(scheduler, 500, lane("ann"))
    list(scheduler.start())
    scheduler.add("other", lane("bob", "C2"))
    assert list(scheduler.start()) == ["other"]


def test_another_channel_is_the_very_next_when_no_slot_is_free() -> None:
    scheduler = FairScheduler(1)
    first, *_ = fill(scheduler, 500, lane("ann"))
    assert list(scheduler.start()) == [first]
    scheduler.add("other", lane("bob", "C2"))
    scheduler.end(first)
    assert list(scheduler.start()) == ["other"]


def test_with_one_slot_channels_take_turns_and_in_them_people() -> None:
    scheduler = FairScheduler(1)
    fill(scheduler, 3, lane("a"))
    fill(scheduler, 2, lane("b"))
    fill(scheduler, 3, lane("c", "C2"))
    assert one_after_another(scheduler) == ["a0", "c0", "b0", "c1", "a1", "c2", "b1", "a2"]


def test_a_person_is_served_in_the_order_of_asking() -> None:
    scheduler = FairScheduler(1)
    assert one_after_another(scheduler) == []
    runs = fill(scheduler, 5, lane("ann"))
    assert one_after_another(scheduler) == runs


def test_a_run_added_twice_keeps_its_place_and_starts_once() -> None:
    scheduler = FairScheduler(1)
    runs = fill(scheduler, 3, lane("ann"))
    scheduler.add(runs[0], lane("ann"))
    assert one_after_another(scheduler) == runs


def test_the_place_counts_what_the_same_person_asked_before_in_any_channel() -> None:
    scheduler = FairScheduler(1)
    (busy,) = fill(scheduler, 1, lane("zoe"))
    list(scheduler.start())
    fill(scheduler, 3, lane("ann"))
    fill(scheduler, 4, lane("bob"))
    fill(scheduler, 1, lane("ann", "C2"), name="late")
    scheduler.remove("ann1")
    places = [scheduler.ahead(run_id) for run_id in ("ann0", "ann1", "ann2", "late0", "bob0", busy)]
    assert places == [0, None, 1, 2, 0, None]


def test_a_run_taken_out_never_starts() -> None:
    scheduler = FairScheduler(4)
    fill(scheduler, 1, lane("ann"))
    scheduler.remove("ann0")
    scheduler.remove("never added")
    assert (list(scheduler.start()), "ann0" in scheduler) == ([], False)
