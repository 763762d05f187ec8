"""`agents doctor` against nothing, against everything as it should be, and against one mistake at a time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from bot.cli.doctor import findings
from bot.cli.findings import Finding, fail
from bot.manifest import render
from tests.fakes.provider import Provider, Reply
from tests.support.shells import KEY, Shell

BOT, APP = "xoxb-of-the-double-1234", "xapp-of-the-double-1234"
SCOPES = ",".join(yaml.safe_load(render())["oauth_config"]["scopes"]["bot"])


class Double:
    """Slack and a provider behind one port; each field is one thing that can be wrong."""

    def __init__(self) -> None:
        self.url = ""
        self.scopes = SCOPES
        self.skew_s = 0.0
        self.refuses_key = False
        self.asked: list[str] = []

    async def slack(self, request: web.Request) -> web.Response:
        self.asked.append(request.match_info["method"])
        token = {"auth.test": BOT, "apps.connections.open": APP}[request.match_info["method"]]
        right = request.headers["Authorization"] == f"Bearer {token}"
        told = {"ok": True, "user": "agents", "team": "Acme", "url": "wss://x"} if right else {"error": "invalid_auth"}
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=self.skew_s), usegmt=True)
        return web.json_response(told, headers={"x-oauth-scopes": self.scopes, "Date": date})

    async def models(self, request: web.Request) -> web.Response:
        self.asked.append("models")
        right = request.headers["Authorization"] == f"Bearer {KEY}" and not self.refuses_key
        return web.json_response({"data": []}, status=200 if right else 401)


@asynccontextmanager
async def double() -> AsyncIterator[Double]:
    made, app = Double(), web.Application()
    app.router.add_post("/api/{method}", made.slack)
    app.router.add_get("/v1/models", made.models)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()


def environment(folder: Path, doubled: Double) -> dict[str, str]:
    return {
        "AGENTS_DATA_DIR": str(folder),
        "SLACK_BOT_TOKEN": BOT,
        "SLACK_APP_TOKEN": APP,
        "SLACK_API_URL": f"{doubled.url}/api",
        "OPENAI_API_KEY": KEY,
        "OPENAI_API_BASE": f"{doubled.url}/v1",
    }


async def found(env: Mapping[str, str]) -> list[Finding]:
    return [finding async for finding in findings(env)]


def failures(of: list[Finding]) -> list[Finding]:
    return [finding for finding in of if finding.level == "fail"]


async def test_with_everything_in_place_nothing_fails_and_nothing_is_paid(tmp_path: Path) -> None:
    async with double() as doubled:
        seen = await found(environment(tmp_path, doubled))
    assert failures(seen) == []
    subjects = {finding.subject: finding.text for finding in seen if finding.level == "ok"}
    assert subjects["scopes"].startswith(f"all {len(SCOPES.split(','))} of the manifest.")
    assert subjects["clock"] == "agrees with Slack's."
    searches = "web.search searches at the provider of openai/gpt-5-mini for researcher, analyst, $0.01 a search."
    assert subjects["tools web"] == searches
    told = subjects["model fast (openai/gpt-5-mini)"]
    assert told.startswith("Answers chosen by OpenAI; ")
    assert f"at {doubled.url}/v1 (OPENAI_API_BASE), with the key in OPENAI_API_KEY; $0.25 in and $2 out" in told
    assert len({finding.subject for finding in seen}) == len(seen)
    # One question to the provider serves all of its models.
    assert sorted(doubled.asked) == ["apps.connections.open", "auth.test", "models"]


async def test_with_nothing_configured_it_says_what_to_set_and_asks_nobody(tmp_path: Path) -> None:
    env = {"OPENAI_API_KEY": "", "OLLAMA_API_BASE": "http://127.0.0.1:9"}
    told = await Shell(tmp_path, "").run("doctor", env=env)
    assert told.code == 1
    assert told.err == ""
    lines = [line for line in told.out.splitlines() if line.startswith("fail")]
    assert [line.split()[1] for line in lines] == ["models:", "SLACK_BOT_TOKEN:", "SLACK_APP_TOKEN:"]


async def test_what_is_not_set_is_one_line_at_the_end_without_what_a_check_told(tmp_path: Path) -> None:
    told = await Shell(tmp_path, "").run("doctor", env={"OLLAMA_API_BASE": "http://127.0.0.1:9", "PORT": "3000"})
    line = told.out.splitlines()[-2]
    assert line.startswith("Not set, and needed only in special cases (.env.example): SLACK_CLIENT_ID, ")
    named = line.partition("): ")[2].rstrip(".").split(", ")
    assert not {"SLACK_BOT_TOKEN", "PORT", "ANTHROPIC_API_KEY", "AGENTS_DATA_DIR"} & set(named)
    assert {"AGENTS_ADMINS", "HEALTH_PORT"} <= set(named)


async def test_a_subject_is_in_order_or_a_problem_and_never_both(tmp_path: Path) -> None:
    async with double() as doubled:
        doubled.refuses_key = True
        seen = await found(environment(tmp_path, doubled) | {"SLACK_BOT_TOKEN": "xoxb-revoked", "PORT": "3000"})
    problems = {finding.subject for finding in seen if finding.level != "ok"}
    assert {"SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "model fast (openai/gpt-5-mini)"} <= problems
    assert problems & {finding.subject for finding in seen if finding.level == "ok"} == set()


async def test_a_step_limit_that_no_step_can_begin_with_is_told_with_the_models(tmp_path: Path) -> None:
    roster = tmp_path / "roster.yml"
    clerk = "{description: Answers., model: fast, prompt: You answer., tools: [clock], max_output_tokens: 400,"
    roster.write_text(f"extends: shipped\nagents:\n  clerk: {clerk} timeout_s: 60, step_usd: 0.0001}}\n", "utf-8")
    async with double() as doubled:
        seen = await found(environment(tmp_path, doubled) | {"AGENTS_ROSTER": str(roster)})
    (told,) = failures(seen)
    assert told.subject == "agent clerk"
    assert told.text.startswith("step_usd $0.00010 is below $0.0")


async def test_a_call_is_made_held_and_settled(tmp_path: Path) -> None:
    async with Provider(["Yes", Reply(status=401)]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        told = await shell.run("doctor", "--call")
        verified = await shell.run("verify")
    fast, strong = (line for line in told.out.splitlines() if " model " in line)
    assert fast.startswith("ok    model fast (openai/gpt-5-mini): Answered a call of one token in ")
    assert strong.startswith(
        "fail  model strong (openai/gpt-5.2): A call of one token failed: its provider refused our key."
    )
    assert [call.max_tokens for call in provider.calls] == [2001, 2001]
    assert verified.code == 0
    assert "2 calls" in verified.out


async def test_no_secret_is_ever_printed(tmp_path: Path) -> None:
    secrets = {
        "SLACK_BOT_TOKEN": "xoxb-never-shown",
        "SLACK_APP_TOKEN": "xapp-never-shown",
        "SLACK_SIGNING_SECRET": "never-shown-either",
        "ANTHROPIC_API_KEY": "sk-ant-never-shown",
        "DATABASE_URL": "postgresql://agents:never-shown@127.0.0.1:9/agents?connect_timeout=1",
        "SLACK_API_URL": "http://127.0.0.1:9/api",
    }
    told = await Shell(tmp_path, "http://user:never-shown@127.0.0.1:9/v1").run("doctor", env=secrets)
    assert told.code == 1
    assert "never-shown" not in told.out + told.err
    assert KEY not in told.out + told.err


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"SLACK_BOT_TOKEN": "xoxb-revoked"},
            fail("SLACK_BOT_TOKEN", "Slack refuses it (invalid_auth). Reinstall the app, then renew the token."),
        ),
        (
            {"SLACK_BOT_TOKEN": APP},
            fail(
                "SLACK_BOT_TOKEN",
                "is no bot token: those begin with xoxb-. docs/install.md shows where to find it.",
            ),
        ),
        (
            {"AGENTS_TIMEZONE": "Mars/Base"},
            fail(
                "AGENTS_TIMEZONE",
                "AGENTS_TIMEZONE='Mars/Base' is not a time zone. Use a name such as Europe/Paris or UTC.",
            ),
        ),
        (
            {"PORT": "3000"},
            fail(
                "SLACK_SIGNING_SECRET",
                "not set, and HTTP mode (PORT=3000) checks every request with it. "
                "docs/install.md shows where to find it.",
            ),
        ),
    ],
)
async def test_one_mistake_is_one_failure(tmp_path: Path, change: dict[str, str], expected: Finding) -> None:
    async with double() as doubled:
        seen = await found(environment(tmp_path, doubled) | change)
    assert failures(seen) == [expected]


async def test_missing_scopes_a_wrong_clock_and_a_refused_key_are_named(tmp_path: Path) -> None:
    async with double() as doubled:
        doubled.scopes = SCOPES.replace("chat:write,", "").replace("reactions:read,", "") + ",canvases:write"
        doubled.skew_s = 600
        doubled.refuses_key = True
        seen = failures(await found(environment(tmp_path, doubled)))
    texts = {finding.subject: finding.text for finding in seen}
    assert set(texts) == {"scopes", "clock", "model fast (openai/gpt-5-mini)", "model strong (openai/gpt-5.2)"}
    assert texts["scopes"] == (
        "missing: chat:write, reactions:read. Without them these events do not come: reaction_added. Update the app to"
        " `agents manifest`, then reinstall the app."
    )
    assert "behind Slack's. No month is opened" in texts["clock"]
    assert "refuses our key (HTTP 401)" in texts["model fast (openai/gpt-5-mini)"]


async def test_every_mistake_of_a_roster_is_named_and_so_is_a_missing_file(tmp_path: Path) -> None:
    roster = tmp_path / "roster.yml"
    shipped = (Path(__file__).parents[2] / "patterns" / "roster.yml").read_text("utf-8")
    roster.write_text(shipped.replace("default: answer", "default: nowhere").replace("steps: 30", "steps: 0"), "utf-8")
    async with double() as doubled:
        env = environment(tmp_path, doubled)
        mistaken = failures(await found(env | {"AGENTS_ROSTER": str(roster)}))
        missing = failures(await found(env | {"AGENTS_ROSTER": str(tmp_path / "none.yml")}))
    assert [finding.subject for finding in mistaken] == ["roster"] * len(mistaken)
    assert any("steps" in finding.text for finding in mistaken)
    assert [finding.subject for finding in missing] == ["roster"]
    assert missing[0].text.endswith("Check AGENTS_ROSTER.")


async def test_a_model_without_a_price_fails(tmp_path: Path) -> None:
    async with double() as doubled:
        env = environment(tmp_path, doubled) | {"AGENTS_MODEL_FAST": "openai/nobody-knows-it"}
        seen = failures(await found(env))
    assert [finding.subject for finding in seen] == ["model fast (openai/nobody-knows-it)"]
    assert seen[0].text.startswith("No price is known for fast")


async def test_sampling_that_a_model_does_not_take_fails_before_anybody_asks(tmp_path: Path) -> None:
    roster = tmp_path / "roster.yml"
    shipped = (Path(__file__).parents[2] / "patterns" / "roster.yml").read_text("utf-8")
    roster.write_text(shipped.replace("  fast:\n", "  fast:\n    sampling: {repeat_penalty: 1.1}\n", 1), "utf-8")
    env = {"AGENTS_ROSTER": str(roster), "AGENTS_MODEL_FAST": "anthropic/claude-sonnet-4-5"}
    async with double() as doubled:
        seen = failures(await found(environment(tmp_path, doubled) | env))
    assert [finding.subject for finding in seen] == ["model fast (anthropic/claude-sonnet-4-5)"]
    assert "does not take repeat_penalty" in seen[0].text
