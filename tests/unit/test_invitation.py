"""The invitation: good for one person, once, and not for ever."""

from datetime import timedelta

import pytest

from eventstore.tokens import StreamToken
from ledger.errors import InvitationGone, InvitationNotFound
from ledger.invitation import LIFETIME, Invitation
from tests.given import an_id, given
from tests.told import BOOK, EDITOR, START, STRANGER

TOKEN = StreamToken(BOOK, an_id(60), bytes(32))
OTHER = StreamToken(BOOK, an_id(60), bytes(31) + b"x")
EMAIL = "jun@example.com"


def an_invitation():
    return Invitation(
        id=TOKEN.stream_id, email=EMAIL, role="editor", token_hash=TOKEN.digest, expires_at=START + LIFETIME
    )


def accepted(invitation):
    invitation.accept(EDITOR, EMAIL, TOKEN, START)


@pytest.mark.parametrize("email", [EMAIL, "Jun@Example.COM"])
@pytest.mark.parametrize("now", [START, START + LIFETIME - timedelta(microseconds=1)])
def test_invitation_is_accepted_by_whom_it_is_for(email, now):
    story = given(an_invitation()).when(lambda invitation: invitation.accept(EDITOR, email, TOKEN, now))
    assert EDITOR == story.then((Invitation.Accepted, {"user_id": EDITOR})).accepted_by


@pytest.mark.parametrize(
    ("email", "token"), [("mina@example.com", TOKEN), ("", TOKEN), (EMAIL, OTHER)], ids=["other", "none", "token"]
)
@pytest.mark.parametrize("earlier", [[], [accepted]], ids=["fresh", "used"])
def test_invitation_tells_nobody_else_that_it_is_there(email, token, earlier):
    story = given(an_invitation(), *earlier)
    story.when(lambda invitation: invitation.accept(STRANGER, email, token, START)).raises(InvitationNotFound)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=1)])
def test_invitation_that_expired_is_gone(late):
    story = given(an_invitation())
    story.when(lambda invitation: invitation.accept(EDITOR, EMAIL, TOKEN, START + LIFETIME + late)).raises(
        InvitationGone
    )


def test_invitation_that_was_used_is_gone():
    given(an_invitation(), accepted).when(accepted).raises(InvitationGone)


def test_invitation_shows_no_token():
    (issued,) = an_invitation().unrecorded_events()
    for told in (repr(TOKEN), repr(issued), str(vars(issued))):
        assert TOKEN.text not in told
        assert TOKEN.secret.hex() not in told
    assert TOKEN.digest not in repr(issued)
