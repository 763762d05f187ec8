"""What the working set of a ledger transaction tells about its rows."""

from hypothesis import given
from hypothesis import strategies as st

from storage.ledger.book import AccountName, account_id

_PLAIN = st.text(st.characters(exclude_characters="/"))


@given(_PLAIN, _PLAIN, st.text(), _PLAIN)
def test_the_id_of_an_account_says_whose_it_is(workspace: str, kind: str, key: str, period: str) -> None:
    assert AccountName.of(account_id(workspace, kind, key, period)) == (workspace, kind, key, period)
