"""Whatever a client may show as Bearer: access tokens and API tokens."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from auth.api_token import ApiSecret
from auth.commands.api_tokens import ApiTokens
from auth.commands.keys import KeyFollower
from auth.errors import Unauthenticated, UnknownKey
from auth.tokens import AccessTokens, Principal

Judged = TypeVar("Judged")


class BearerTokens:
    """Verifies both kinds: at once from memory where it can, or else with an awaitable that asks the store."""

    def __init__(self, access_tokens: AccessTokens, api_tokens: ApiTokens, keys: KeyFollower) -> None:
        self._access_tokens = access_tokens
        self._api_tokens = api_tokens
        self._keys = keys

    def verify(self, token: str) -> Principal | Awaitable[Principal]:
        """Tell whom a token speaks for. Raises: Unauthenticated, StoreUnavailable."""
        if token.startswith(ApiSecret.PREFIX):
            return self._api_tokens.verify(token)
        try:
            return self._access_tokens.verify(token)
        except UnknownKey:
            return self._with_newer_keys(self._access_tokens.verify, token)

    async def claims_of(self, token: str) -> dict[str, Any]:
        """The claims of an access token. Raises: as verify."""
        try:
            return self._access_tokens.claims_of(token)
        except UnknownKey:
            return await self._with_newer_keys(self._access_tokens.claims_of, token)

    async def _with_newer_keys(self, judge: Callable[[str], Judged], token: str) -> Judged:
        """A neighbour may have signed it by a key that was made a moment ago."""
        await self._keys.look()
        try:
            return judge(token)
        except UnknownKey:
            raise Unauthenticated from None
