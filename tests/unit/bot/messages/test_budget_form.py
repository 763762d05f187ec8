import json
from typing import Any

import pytest

from bot.commands import budget as said
from bot.messages.budget_form import BudgetForm, DoubtfulCall, budget_form, read_budget_form
from patterns.core.holds import Payer
from storage.ledger.reports import PayerSettings

USD = 1_000_000_000
PAYER = Payer("T1", "C1", "channel", "U1")
SETTINGS = PayerSettings(
    id="C1", kind="channel", zone="UTC", next_zone=None, own_limit_nusd=None, limit_nusd=25 * USD, user_cap_nusd=None,
    alerts_pct=(50, 80), frozen=False, frozen_reason="", period="2026-11", settings={"models": ["openai"]},
)  # fmt: skip
DOUBTFUL = [
    DoubtfulCall(f"r0123456789ab/x/1.{at}", f"29 Nov 14:02 UTC · Lee · $0.06 · gpt-5-mini {at}", "which database?")
    for at in range(12)
]


def opened() -> dict[str, Any]:
    return budget_form(PAYER, SETTINGS, name="#platform", uncertain=DOUBTFUL, response_url="https://r.example")


def sent(**values: str) -> BudgetForm | dict[str, str]:
    view = opened()
    fields = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            name = block["block_id"]
            value = values.get(name)
            if block["element"]["type"] == "checkboxes":
                ticked = [option for option in block["element"]["options"] if option["value"] in (value or "").split()]
                fields[name] = {name: {"selected_options": ticked}}
                continue
            chosen = {"selected_option": {"value": value} if value else None}
            fields[name] = {name: chosen if "options" in block["element"] else {"value": value}}
    return read_budget_form({**view, "state": {"values": fields}})


def test_the_form_opens_with_what_is_in_force() -> None:
    values = {
        block["block_id"]: block["element"].get("initial_value")
        or block["element"].get("initial_option", {}).get("value")
        for block in opened()["blocks"]
        if block["type"] == "input"
    }
    assert values == {
        "limit": "25.00", "grant": None, "user_cap": "none", "alerts": "50 80", "zone": "UTC", "state": "open",
        "models": "openai", "digest": "off", "release0": None, "release1": None,
        "reason": None,
    }  # fmt: skip


def test_a_value_that_was_asked_for_stands_in_the_form_and_is_a_change() -> None:
    asked = said.EditBudget("limit", "50.00")
    view = budget_form(PAYER, SETTINGS, name="#platform", uncertain=[], response_url=None, asked=asked)
    fields = {
        block["block_id"]: {block["block_id"]: {"value": block["element"].get("initial_value")}}
        for block in view["blocks"]
        if block["type"] == "input" and "options" not in block["element"]
    }
    assert fields["limit"]["limit"]["value"] == "50.00"
    form = read_budget_form({**view, "state": {"values": fields}})
    assert isinstance(form, BudgetForm)
    assert form.commands == (said.SetAmount("limit", 50 * USD, ""),)
    emptied = {**fields, "limit": {"limit": {"value": None}}}
    assert read_budget_form({**view, "state": {"values": emptied}}) == {
        "limit": "Nothing was changed. Change a value, or press Cancel."
    }
    # The demo's page sends nothing of the fields that nobody touched.
    untouched = {name: {name: {"value": None}} for name in fields}
    form = read_budget_form({**view, "state": {"values": untouched}})
    assert isinstance(form, BudgetForm)
    assert form.commands == (said.SetAmount("limit", 50 * USD, ""),)


def test_only_what_changed_is_a_command() -> None:
    form = sent(limit="50", user_cap="none", alerts="50 80", zone="Europe/Paris", state="frozen", reason="launch")
    assert isinstance(form, BudgetForm)
    assert form.commands == (
        said.SetAmount("limit", 50 * USD, "launch"),
        said.SetZone("Europe/Paris"),
        said.Flip("freeze", "launch"),
    )
    assert (form.payer, form.response_url) == (Payer("T1", "C1", "channel", ""), "https://r.example")


def test_every_field_changes_its_own_value() -> None:
    form = sent(
        limit="default", grant="10", user_cap="5", alerts="95", models="any", digest="on",
        release0=DOUBTFUL[0].call_id, release1=DOUBTFUL[11].call_id, reason="never billed",
    )  # fmt: skip
    assert isinstance(form, BudgetForm)
    assert form.commands == (
        said.SetAmount("limit", None, "never billed"),
        said.Grant(10 * USD, "never billed"),
        said.SetAmount("user-cap", 5 * USD, "never billed"),
        said.SetAlerts((95,)),
        said.SetModels(()),
        said.SetDigest(on=True),
        said.ReleaseCalls((DOUBTFUL[0].call_id, DOUBTFUL[11].call_id), "never billed"),
    )


@pytest.mark.parametrize(
    ("field", "value", "errors"),
    [
        ("limit", "1e9", {"limit": "1e9 is too easy to misread. Write the amount out, like 50."}),
        ("grant", "0", {"grant": "A grant of nothing changes nothing. Write how many dollars, like 10."}),
        ("user_cap", "-1", {"user_cap": "-1 is negative. Write an amount from 0 up, like 50."}),
        ("alerts", "eighty", {"alerts": "Write the thresholds as whole per cent, like 50 80 95."}),
        ("zone", "Mars", {"zone": "I know no time zone 'Mars'. Write one like Europe/Paris or UTC."}),
        ("release0", DOUBTFUL[0].call_id, {"reason": "Say why those calls cost nothing: it stands in the audit log."}),
        ("reason", "only a reason", {"limit": "Nothing was changed. Change a value, or press Cancel."}),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_used_says_so_at_its_place(field: str, value: str, errors: dict[str, str]) -> None:
    assert sent(**{field: value}) == errors


def test_the_form_is_within_slacks_limits() -> None:
    view = opened()
    assert len(view["private_metadata"]) < 3000
    assert all(len(block["label"]["text"]) <= 48 for block in view["blocks"] if block["type"] == "input")
    assert json.loads(view["private_metadata"])["payer"] == ["T1", "C1", "channel"]
