"""Servers that repeat every secret they are given: nothing of it is kept, logged, shown, or told to a model."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from patterns.core.tools import ToolCall
from tests.fakes.authorized_tools import AuthorizedToolServer, authorization_server
from tests.fakes.provider import Provider
from tests.fakes.tool_server import HttpToolServer
from tests.integration.test_shell_tools import ASK, asks_for
from tests.support.shells import Shell

BEARER, CLIENT_SECRET = "the-pass-of-the-desk-0123", "the-secret-of-the-client-0123"
PASSWORD, GIVEN = "the-password-of-the-shop-0123", "the-key-of-the-child-0123"
VALUES = {"DESK_TOKEN": BEARER, "BANK_CLIENT": "bot", "BANK_SECRET": CLIENT_SECRET, "SHOP_PASSWORD": PASSWORD}
ROSTER = """
extends: shipped
tools:
  desk: {{mcp: {{url: "{desk}", bearer_env: DESK_TOKEN}}, allow: [look], read_only: [look]}}
  bank:
    mcp: {{url: "{bank}", oauth: {{client_id_env: BANK_CLIENT, client_secret_env: BANK_SECRET}}}}
    allow: [look]
    read_only: [look]
  shop:
    python: "tools.py:log_in,fail"
    read_only: [log_in, fail]
    secret_arguments: {{log_in: {{password: SHOP_PASSWORD}}, fail: {{password: SHOP_PASSWORD}}}}
  child:
    mcp: {{command: [sh, -c, 'echo "I have $CHILD_KEY" >&2; exit 3'], env: [CHILD_KEY]}}
    allow: [any]
    read_only: [any]
agents:
  clerk: {{description: Works., model: fast, prompt: You work., max_output_tokens: 300, timeout_s: 60,
           tools: [desk, bank, shop, child]}}
flows:
  orders: {{description: Works., examples: [a, b, c], agent: clerk}}
"""
FUNCTIONS = '''
import hashlib
from pathlib import Path

def log_in(user: str, password: str) -> str:
    """Log in."""
    print(f"{user} has {password}")
    Path(__file__).with_name("got").write_text(hashlib.sha256(password.encode()).hexdigest())
    return f"{user} came with {password}"

def fail(password: str) -> str:
    """Fail."""
    raise ValueError(f"{password} is wrong")
'''
CALLS = [
    ToolCall(id="c1", name="desk.look", arguments='{"what": "tea"}'),
    ToolCall(id="c2", name="bank.look", arguments='{"what": "tea"}'),
    ToolCall(id="c3", name="shop.log_in", arguments='{"user": "ann"}'),
    ToolCall(id="c4", name="shop.fail", arguments="{}"),
]


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file that the program has written, by name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("roster.yml", "tools.py"):
            yield path.name, path.read_bytes()


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_no_secret_of_a_server_is_kept_logged_or_shown(tmp_path: Path, level: str) -> None:
    (tmp_path / "tools.py").write_text(FUNCTIONS, "utf-8")
    client = {"client_id": "bot", "client_secret": CLIENT_SECRET}
    async with (
        authorization_server([client]) as issuer,
        AuthorizedToolServer(issuer=issuer, repeats=True) as bank,
        HttpToolServer(token=BEARER, repeats=True) as desk,
        Provider(asks_for(*CALLS)) as provider,  # type: ignore[arg-type]
    ):
        (tmp_path / "roster.yml").write_text(ROSTER.format(desk=desk.url, bank=bank.url), "utf-8")
        env = {
            **VALUES, "CHILD_KEY": GIVEN, "AGENTS_ROSTER": str(tmp_path / "roster.yml"), "AGENTS_LOG_LEVEL": level,
        }  # fmt: skip
        shell = Shell(tmp_path, provider.api_base("openai"))
        answered = await shell.run(*ASK, "Go.", env=env)
        ((run,),) = shell.sql("SELECT id FROM run")
        shown = await shell.run("show", str(run), env=env)
        listed = await shell.run("tools", "list", env=env)
        told = str([(call.messages, call.body) for call in provider.calls])
    assert answered.code == 0, answered.err
    # They were given, and their servers did repeat them.
    assert desk.did == bank.did == ["look tea"]
    assert (tmp_path / "got").read_text() == hashlib.sha256(PASSWORD.encode()).hexdigest()
    assert answered.out.count("[secret]") >= 4
    assert "ann came with [secret]" in answered.out
    assert "password" not in str([call.body.get("tools") for call in provider.calls])
    secrets = {BEARER, CLIENT_SECRET, PASSWORD, GIVEN, *bank.tokens}
    texts = {
        "out": answered.out,
        "err": answered.err,
        "show": shown.out,
        "list": listed.out + listed.err,
        "model": told,
    }
    places = [*written(tmp_path), *((name, text.encode()) for name, text in texts.items())]
    assert {"agents.db", "show"} <= {name for name, _ in places}
    found = [(name, secret) for name, content in places for secret in secrets if secret.encode() in content]
    assert found == []


async def test_a_variable_of_an_argument_that_is_not_set_is_told_before_anything_is_called(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(FUNCTIONS, "utf-8")
    roster = ROSTER.format(desk="http://127.0.0.1:9/mcp", bank="http://127.0.0.1:9/mcp")
    (tmp_path / "roster.yml").write_text(roster, "utf-8")
    shell = Shell(tmp_path, "http://127.0.0.1:9/v1")
    tried = await shell.run(
        "tools", "call", "shop.log_in", '{"user": "ann"}', env={"AGENTS_ROSTER": str(tmp_path / "roster.yml")}
    )
    assert tried.code != 0
    assert "shop.log_in cannot be called: SHOP_PASSWORD is not set in the environment." in tried.out + tried.err
    assert not (tmp_path / "got").exists()
