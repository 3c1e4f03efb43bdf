"""Registered services: names of their own, secrets of which only the hash is kept."""

from uuid import uuid4

import pytest

from auth.clients import JOURNAL_ID, Clients, hash_of
from auth.errors import ClientExists, ClientNotFound
from tests.given import an_id, given

SECRET = "a secret of 256 bits"
REPORTS = an_id(1)


def registered():
    clients = Clients(id=JOURNAL_ID)
    clients.add(REPORTS, "reports", SECRET)
    return clients


def test_add_keeps_the_hash_and_not_the_secret():
    given(Clients(id=JOURNAL_ID)).when(lambda clients: clients.add(REPORTS, "reports", SECRET)).then(
        (Clients.Added, {"client_id": REPORTS, "name": "reports", "secret_hash": hash_of(SECRET)})
    )
    assert SECRET not in hash_of(SECRET)


def test_add_of_a_name_in_use_is_refused():
    error = given(registered()).when(lambda clients: clients.add(uuid4(), "reports", "x")).raises(ClientExists)
    assert "There is a service named reports." == str(error)


@pytest.mark.parametrize("name", ["reports", str(REPORTS)])
def test_remove_by_name_or_id_ends_the_service(name):
    clients = (
        given(registered()).when(lambda clients: clients.remove(name)).then((Clients.Removed, {"client_id": REPORTS}))
    )
    assert clients.find(REPORTS, SECRET) is None


def test_remove_of_nobody_is_refused():
    given(registered()).when(lambda clients: clients.remove("other")).raises(ClientNotFound)


def test_a_name_that_is_free_again_may_be_taken():
    clients = registered()
    clients.remove("reports")
    clients.add(an_id(2), "reports", "new")
    assert clients.find(an_id(2), "new").name == "reports"


def test_find_needs_id_and_secret():
    clients = registered()
    assert clients.find(REPORTS, SECRET).id == REPORTS
    for client_id, secret in [(REPORTS, "other"), (REPORTS, ""), (an_id(2), SECRET), (None, ""), (None, SECRET)]:
        assert clients.find(client_id, secret) is None


def test_a_service_shows_no_secret_when_printed():
    assert hash_of(SECRET) not in repr(registered().find(REPORTS, SECRET))
