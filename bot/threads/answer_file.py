"""A long answer as one file beside the messages that hold all of it, uploaded once."""

import structlog

from bot.slack.errors import SlackError
from bot.slack.uploads import Upload, upload
from bot.slack.workspaces import Slack
from storage.outbox import Outbox
from storage.run_rows import RunRow

log = structlog.get_logger()

FROM_MESSAGES = 3
"""An answer of more messages than that also comes as a file."""
_NAME = "answer/file"


async def post_answer_file(slack: Slack, outbox: Outbox, run: RunRow, text: str) -> None:
    """Upload the answer into the thread. A failure is not retried: the messages hold all of the text."""
    state, _ts = await outbox.add_intent(run.id, _NAME, run.channel)
    if state == "new":
        file = Upload(f"answer-{run.id}.md", "The whole answer", text.encode())
        try:
            await upload(slack.of(run.workspace), [file], channel=run.channel, thread_ts=run.thread_ts or None)
        except SlackError as error:
            log.warning("answer_file_not_uploaded", run=run.id, code=error.code)
    await outbox.mark_abandoned(run.id, _NAME)
