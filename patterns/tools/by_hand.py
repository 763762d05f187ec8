"""One call of a tool without an agent: somebody tries it, and it is held, sent once and settled like every call."""

from patterns.core.step_record import StepRecord
from patterns.core.tools import NO_TOOLS, ToolCall, ToolSchema
from patterns.services import Services
from patterns.tools.approvals import Approvals, Permit
from patterns.tools.built_in import BuiltInTools
from patterns.tools.calls import Calls
from patterns.tools.growth import ARGUMENTS_BYTES_MAX
from patterns.tools.judging import Judged, Offered, judge
from patterns.tools.toolbox import Routed

PATH = "call"


async def described(services: Services, name: str) -> ToolSchema:
    """Return a tool as its server describes it now.

    Raises:
        ToolError: it cannot be reached, or has no such tool.
    """
    return (await _toolbox(services).schemas([name]))[0]


async def prepare(services: Services, name: str, arguments: str) -> Judged:
    """Return a call of a tool with arguments as JSON text, judged: its `problem` says why it cannot be made.

    Raises:
        ToolError: the server cannot be reached.
    """
    offered = Offered(services.roster.tools[name], await described(services, name))
    return judge(
        [ToolCall(id=PATH, name=name, arguments=arguments)],
        {name: offered},
        calls_left=1,
        written_bytes=8 * ARGUMENTS_BYTES_MAX,
    )[0]


async def call_by_hand(services: Services, call: Judged, *, by: str) -> StepRecord:
    """Make a call that somebody approved by asking for it; return its record."""
    calls = Calls(services, _toolbox(services), Approvals(services, by, PATH), by, PATH, asker=by, may_ask=False)
    bytes_max = call.tool.spec.output_bytes_max if call.tool else 0
    return await calls.make(PATH, call, Permit(by=by), bytes_max=bytes_max, number=1)


def _toolbox(services: Services) -> Routed:
    return Routed(services.toolbox, BuiltInTools(services.clock), NO_TOOLS, services.roster.tools)
