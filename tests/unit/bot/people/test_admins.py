"""User ids mean nothing without their workspace, so neither do the admins that the operator names."""

from bot.people.admins import Admins


async def installer(workspace: str) -> str:
    return {"T1": "U1", "T2": "U5"}.get(workspace, "")


async def test_a_bare_id_counts_in_the_only_workspace() -> None:
    assert await Admins({"U2", "U1"}).of("T1") == ["U1", "U2"]


async def test_a_placed_id_counts_in_its_workspace_only() -> None:
    admins = Admins({"T1:U3", "T2:U4"})
    assert [await admins.of(workspace) for workspace in ("T1", "T2", "T3")] == [["U3"], ["U4"], []]


async def test_whoever_installed_the_app_is_one_too_and_asked_last() -> None:
    admins = Admins({"T1:U3", "T1:U1"}, installer)
    assert [await admins.of(workspace) for workspace in ("T1", "T2", "T3")] == [["U1", "U3"], ["U5"], []]
    assert await Admins({"T2:U9"}, installer).of("T2") == ["U9", "U5"]
