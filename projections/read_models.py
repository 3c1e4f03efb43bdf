"""All read models, in the order in which they are made and listed."""

from typing import Final

from projections.api_tokens import API_TOKENS
from projections.books import BOOKS
from projections.denylist import DENYLIST
from projections.entries import ENTRIES
from projections.outbox import OUTBOX
from projections.sessions import SESSIONS
from projections.shares import SHARES
from projections.spending import SPENDING
from projections.statements import STATEMENTS
from projections.totals import TOTALS
from projections.users import USERS

READ_MODELS: Final = (
    BOOKS,
    ENTRIES,
    TOTALS,
    STATEMENTS,
    SPENDING,
    SHARES,
    USERS,
    SESSIONS,
    API_TOKENS,
    DENYLIST,
    OUTBOX,
)
