"""Everything that shows a run in its thread, put together."""

from bot.messages.renderer import Renderer
from bot.people.profiles import ProfileLookup
from bot.people.readers import ConversationMembership
from bot.runs.engine import Engine
from bot.runs.resources import ResourceReader
from bot.slack.notifier import SlackNotifier
from bot.slack.workspaces import Slack
from bot.stores import Stores
from bot.threads.answer_place import AnswerPlace
from bot.threads.attachments import AttachmentCollector
from bot.threads.cards import Cards
from bot.threads.downloads import Downloads
from bot.threads.edits import MessageEdits
from bot.threads.files import Files
from bot.threads.first_messages import FirstMessages
from bot.threads.history import ThreadReader
from bot.threads.partial_answers import PartialAnswers
from bot.threads.presenter import SlackThreadPresenter
from bot.threads.progress import ProgressBoard
from bot.threads.review_rounds import ReviewRounds
from bot.threads.run_views import RunViews
from bot.threads.streaming import AnswerStreams


class Presentation:
    """The presenter of runs in Slack threads, with the parts of it that services use too."""

    def __init__(
        self, engine: Engine, slack: Slack, stores: Stores, profiles: ProfileLookup, members: ConversationMembership
    ) -> None:
        outbox, own_host = stores.outbox, engine.settings.custom_slack_host
        # A local Slack and old clients render only the plain blocks.
        self.renderer = Renderer("plain" if own_host else "rich")
        self.notifier = SlackNotifier(slack, self.renderer)
        self.streams = AnswerStreams(slack, outbox, engine.clock)
        thread_reader = ThreadReader(slack, engine.store, stores.inbox, profiles, members, own_host)
        somebody_sees = any(model.sees_images for model in engine.roster.models.values())
        files = Files(slack, Downloads(own_host), engine.files, somebody_sees)
        resources = ResourceReader(engine.tools)
        attachments = AttachmentCollector(stores.threads, thread_reader, files, resources, engine.roster_of)
        rounds = ReviewRounds(engine.store, slack, outbox, self.renderer)
        progress = ProgressBoard(engine.clock, on_text=self.streams.write, on_round=rounds.post_review_round)
        self.run_views = RunViews(engine, profiles, attachments, progress, stores.preferences)
        edits = MessageEdits(slack, outbox)
        self.cards = Cards(engine, profiles, self.renderer, self.run_views, slack, outbox, edits)
        self.presenter = SlackThreadPresenter(
            engine,
            slack,
            outbox,
            self.renderer,
            progress,
            profiles,
            attachments,
            self.run_views,
            self.cards,
            edits,
            FirstMessages(engine, slack, outbox, self.renderer, edits),
            PartialAnswers(engine.questions, slack, outbox, self.renderer),
            AnswerPlace(slack, outbox, self.streams, engine.clock),
            stores.rules,
            self.streams,
        )
