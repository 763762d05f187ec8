"""What a server has besides tools: resources that people can attach to a request, and prompts, which nobody runs."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from patterns.core.tools import ToolError
from patterns.tools.resources import Offers

if TYPE_CHECKING:
    from mcp import Client

PAGES_MAX, LISTED_MAX = 5, 200


async def offers_of(client: "Client", masked: Callable[[str], str] = str) -> Offers:
    """Return the resources and prompts of a server, without what `masked` takes out.

    What it does not support it has none of.
    """
    resources = await _all(client.list_resources, "resources")
    templates = await _all(client.list_resource_templates, "resource_templates")
    prompts = await _all(client.list_prompts, "prompts")
    return Offers(
        resources=tuple((masked(str(one.uri)), masked(one.title or one.name)) for one in resources),
        templates=tuple((masked(one.uri_template), masked(one.title or one.name)) for one in templates),
        prompts=tuple(masked(one.name) for one in prompts),
    )


async def _all(page_of: Callable[..., Awaitable[Any]], kind: str) -> list[Any]:
    from mcp import MCPError  # noqa: PLC0415 - with the SDK
    from mcp_types import METHOD_NOT_FOUND  # noqa: PLC0415

    found: list[Any] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        try:
            page = await page_of(cursor=cursor)
        except MCPError as error:
            if error.code == METHOD_NOT_FOUND:
                return found
            raise
        found += getattr(page, kind)
        cursor = page.next_cursor
        if not cursor or len(found) >= LISTED_MAX:
            break
    return found[:LISTED_MAX]


async def read_text(client: "Client", uri: str, *, timeout_s: float, masked: Callable[[str], str] = str) -> str:
    """Return a resource as text, without what `masked` takes out; what is no text is named.

    Raises:
        ToolError: it cannot be read, or its server asks somebody first.
    """
    from mcp import MCPError  # noqa: PLC0415
    from mcp_types import InputRequiredResult, ReadResourceRequest, ReadResourceRequestParams, ReadResourceResult  # noqa: PLC0415
    from pydantic import TypeAdapter  # noqa: PLC0415

    request = ReadResourceRequest(params=ReadResourceRequestParams(uri=uri))
    adapter: Any = TypeAdapter(ReadResourceResult | InputRequiredResult)
    try:
        result = await client.session.send_request(request, adapter, timeout_s)
    except MCPError as error:
        raise ToolError(f"its server says: {masked(error.message)[:200]}", was_sent=True) from error
    if isinstance(result, InputRequiredResult):
        raise ToolError("its server wants to ask somebody first", was_sent=True)
    parts = [getattr(one, "text", None) or f"({one.mime_type or 'something'}, not a text)" for one in result.contents]
    return masked("\n\n".join(parts))
