"""Split off bot/requests.py."""

from bot.messages.budget_views import AuditView, BooksView, BudgetView
from bot.messages.list_views import AgentsView, BalancesView, FlowsView, HelpView, RunsView
from bot.messages.notice_views import EditedView, InviteView, NearMissView, NoticeView
from bot.messages.views import DetailsView

PrivateView = (
    AuditView
    | BooksView
    | BudgetView
    | AgentsView
    | BalancesView
    | DetailsView
    | EditedView
    | FlowsView
    | HelpView
    | InviteView
    | NearMissView
    | NoticeView
    | RunsView
)
"""What only the person who acted may see."""
