"""A $1.00 budget under the cases that break budgets: ours beside peers, one table.

    python -m tests.bench.budget_peers

Every request of a case costs the same; `estimate` is what its visible output can cost, `billed` what the provider then
charges. Peers reserve or compare the estimate, as their documentation shows. Ours holds the bound: hidden reasoning has
its own cap in the request body and is part of the hold. Each burst is its own process, so that two of them, a kill and
a restart are real. token-budget-py is used when it can be imported.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patterns.core.errors import BudgetExceededError
from patterns.core.money import Price
from storage.database.connect import connect
from storage.database.migrate import migrate
from storage.ledger.book import Policy
from storage.ledger.ledger import SqlLedger
from tests.bench.figures import tell
from tests.support.ledgers import USD, Asking, FakeClock, open_run, settled

LIMIT_USD = 1.00
PROVIDER_S = 0.05
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """Bursts of concurrent requests; `at_once` bursts run beside each other, else after each other, perhaps killed."""

    title: str
    bursts: tuple[int, ...]
    estimate_usd: float = 0.10
    billed_usd: float = 0.10
    at_once: bool = False
    kill: bool = False


CASES = {
    "honest": Case("50 at once", (50,)),
    "twice": Case("bills twice the estimate (hidden reasoning)", (50,), billed_usd=0.20),
    "processes": Case("two processes", (50, 50), at_once=True),
    "kill": Case("kill -9 between two bursts", (50, 50), kill=True),
    "dear": Case("$0.30 requests", (50,), estimate_usd=0.30, billed_usd=0.30),
    "no_max": Case("no max tokens sent", (50, 50), estimate_usd=0.0),
    "restart": Case("restart after $0.90", (9, 10)),
}


class Bill:
    """The provider: takes its time, then charges, and writes down what it charged."""

    def __init__(self, path: Path, usd: float) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._usd = usd

    async def charge(self) -> float:
        await asyncio.sleep(PROVIDER_S)
        os.write(self._file, f"{self._usd}\n".encode())
        return self._usd


class Peer(ABC):
    """A budget: `spend` admits one request, lets the provider charge, and records; or refuses."""

    def __init__(self, case: Case) -> None:
        self.case = case

    async def open(self) -> None:  # noqa: B027 - most need nothing
        """Load what an earlier process left."""

    @abstractmethod
    async def spend(self, bill: Bill) -> None: ...

    async def close(self) -> None:  # noqa: B027 - same
        """Save what a clean exit saves."""


class Ours(Peer):
    """The ledger of this repository on SQLite."""

    async def open(self) -> None:
        await migrate("sqlite:///ours.db")
        self._db = await connect("sqlite:///ours.db")
        self._ledger = SqlLedger(self._db, FakeClock(), Policy(100 * USD, int(LIMIT_USD * USD), USD))
        self._run = Asking(f"R{os.getpid()}")
        await open_run(self._db, self._run)
        # A dollar per million output tokens; the roster caps visible and reasoning output, so both are in the bound.
        visible = round((self.case.estimate_usd or self.case.billed_usd) * 1_000_000)
        reasoning = round(self.case.billed_usd * 1_000_000) - visible
        price = Price(input_nusd_per_mtok=0, output_nusd_per_mtok=USD)
        self._bound_nusd = price.bound_nusd(input_tokens=0, output_tokens=visible + reasoning)

    async def spend(self, bill: Bill) -> None:
        with contextlib.suppress(BudgetExceededError):
            hold = await self._ledger.hold(self._run.hold(self._bound_nusd, call_id=os.urandom(8).hex()))
            await self._ledger.settle(hold, settled(round(await bill.charge() * USD)), self._run.fence)

    async def close(self) -> None:
        await self._ledger.close()
        await self._db.close()


class TokenBudgetReserve(Peer):
    """token-budget-py, reserve the estimate, commit what was billed."""

    async def open(self) -> None:
        import token_budget  # type: ignore[import-not-found] # noqa: PLC0415 - only where it is installed

        self._pool = token_budget.BudgetPool(usd_cap=LIMIT_USD)
        self._refused = token_budget.BudgetExceeded

    async def spend(self, bill: Bill) -> None:
        with contextlib.suppress(self._refused), self._pool.reserve(usd=self.case.estimate_usd) as kept:
            kept.commit(usd=await bill.charge())


class TokenBudgetRecord(TokenBudgetReserve):
    """token-budget-py, record after the call."""

    async def spend(self, bill: Bill) -> None:
        with contextlib.suppress(self._refused):
            self._pool.record(usd=0.0)
            if self._pool.snapshot().usd_remaining > 0:
                self._pool.record(usd=await bill.charge())


class LitellmManager(Peer):
    """litellm's BudgetManager with its local file: compare, call, update."""

    async def open(self) -> None:
        import litellm  # noqa: PLC0415 - slow to import

        self._litellm = litellm
        self._manager = litellm.BudgetManager(project_name="peers")
        if not self._manager.is_valid_user("C1"):
            self._manager.create_budget(total_budget=LIMIT_USD, user="C1")
        self._rate = litellm.model_cost["gpt-4o-mini"]["output_cost_per_token"]

    async def spend(self, bill: Bill) -> None:
        if self._manager.get_current_cost("C1") + self.case.estimate_usd > LIMIT_USD + 1e-9:
            return
        tokens = round(await bill.charge() / self._rate)
        usage = self._litellm.Usage(prompt_tokens=0, completion_tokens=tokens, total_tokens=tokens)
        answer = self._litellm.ModelResponse(model="gpt-4o-mini", usage=usage)
        self._manager.update_cost(completion_obj=answer, user="C1")
        self._manager.save_data()


class LitellmRouter(Peer):
    """litellm's Router with a provider budget, no Redis."""

    async def open(self) -> None:
        import litellm  # noqa: PLC0415 - slow to import

        litellm.suppress_debug_info = True
        price = {"input_cost_per_token": 0.0, "output_cost_per_token": self.case.billed_usd}
        params = {"model": "openai/peer", "api_key": "none", **price}
        config: Any = {"openai": {"budget_limit": LIMIT_USD, "time_period": "30d"}}
        self._router = litellm.Router(
            model_list=[{"model_name": "peer", "litellm_params": params}],
            provider_budget_config=config,
            num_retries=0,
        )

    async def spend(self, bill: Bill) -> None:
        messages: Any = [{"role": "user", "content": "hi"}]
        try:
            await self._router.acompletion("peer", messages, mock_response="x", mock_delay=PROVIDER_S)
        except ValueError:  # "No deployments available - crossed budget"
            return
        await bill.charge()

    async def close(self) -> None:
        await asyncio.sleep(0)


PEERS: dict[str, type[Peer]] = {
    "ours": Ours,
    "token-budget reserve": TokenBudgetReserve,
    "token-budget record": TokenBudgetRecord,
    "litellm BudgetManager": LitellmManager,
    "litellm Router": LitellmRouter,
}


async def burst(peer_name: str, case: Case, count: int, *, rounds: int) -> None:
    """One process's part; `rounds` bursts after each other, then, when it is to be killed, wait for that."""
    peer = PEERS[peer_name](case)
    await peer.open()
    bill = Bill(Path("bills"), case.billed_usd)
    for _ in range(rounds):
        await asyncio.gather(*(peer.spend(bill) for _ in range(count)))
        await asyncio.sleep(PROVIDER_S)  # litellm's Router counts in the background
    print("done", flush=True)
    if case.kill:
        await asyncio.Event().wait()
    await peer.close()


def measure(peer_name: str, case_name: str) -> float:
    """What the provider billed in this case, in dollars."""
    case = CASES[case_name]
    with tempfile.TemporaryDirectory() as folder:
        if case_name == "no_max":
            _wait([_start(peer_name, case_name, case.bursts[0], folder, rounds=len(case.bursts))])
        elif case.at_once:
            _wait([_start(peer_name, case_name, count, folder) for count in case.bursts])
        else:
            for count in case.bursts:
                _wait([_start(peer_name, case_name, count, folder)], kill=case.kill)
        bills = Path(folder, "bills")
        return sum(map(float, bills.read_text().split())) if bills.exists() else 0.0


def _start(peer_name: str, case_name: str, count: int, folder: str, rounds: int = 1) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.bench.budget_peers", "--burst"]
    command.append(json.dumps([peer_name, case_name, count, rounds]))
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _wait(processes: Iterable["subprocess.Popen[str]"], *, kill: bool = False) -> None:
    for process in processes:
        assert process.stdout is not None
        if "done" not in process.stdout.read(5):
            raise RuntimeError("A peer's process ended early.")
        if kill:
            process.kill()
        process.communicate()


def main() -> None:
    names = [name for name in PEERS if importlib.util.find_spec("token_budget") or "token-budget" not in name]
    print(f"{'billed of a $1.00 budget':46}" + "".join(f"{name:>23}" for name in names))
    worst = 0.0
    for case_name, case in CASES.items():
        figures = {name: measure(name, case_name) for name in names}
        worst = max(worst, figures["ours"])
        for name, billed_usd in figures.items():
            tell(f"{case.title}: {name}", billed_usd, "of $1")
        print(f"{case.title:46}" + "".join(f"{figure:>22.0%} " for figure in (figures[name] for name in names)))
    print(f"ours at most: {worst:.0%}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--burst")
    options = parser.parse_args()
    if options.burst:
        named, of_case, many, times = json.loads(options.burst)
        asyncio.run(burst(named, CASES[of_case], many, rounds=times))
    else:
        main()
