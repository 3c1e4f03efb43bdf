"""Keys: one master key, what is derived from it, and the data keys that it wraps."""

import base64
import os
import stat

import pytest
from cryptography.exceptions import InvalidTag

from eventstore.errors import MasterKeyMismatch
from eventstore.keys import CACHED_KEYS_MAX, KEY_BYTES, NONCE_BYTES, Keyring, MasterKey
from tests.given import an_id

SECRET = bytes(range(KEY_BYTES))
OTHER = MasterKey(SECRET[::-1])
NONCE = bytes(NONCE_BYTES)
JOURNAL = an_id(1)


def test_master_key_read_from_its_text_is_the_same():
    key = MasterKey(SECRET)
    assert key.derive("x") == MasterKey.from_text(f" {key.text}\n").derive("x")


@pytest.mark.parametrize("length", [0, 16, KEY_BYTES - 1, KEY_BYTES + 1])
def test_master_key_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKey.from_text(base64.b64encode(bytes(length)).decode())


@pytest.mark.parametrize("text", ["not base64!", "AAA", "ключ"])
def test_master_key_that_is_no_base64_is_refused(text):
    with pytest.raises(ValueError, match=r"base64|ASCII"):
        MasterKey.from_text(text)


def test_master_key_refused_is_not_shown():
    with pytest.raises(ValueError, match="32 bytes") as caught:
        MasterKey.from_text("c2VjcmV0")
    assert "c2VjcmV0" not in str(caught.value)


def test_derived_keys_differ_by_purpose_and_by_master_key():
    derived = [key.derive(purpose) for key in (MasterKey(SECRET), OTHER) for purpose in ("one", "other")]
    assert 4 == len({*derived})
    assert {KEY_BYTES} == {len(key) for key in derived}


def test_derived_key_never_changes():
    expected = "85bc37d751049ceef0b37fe0735153b63d72b2acf082c509684d79c8fd9b00ac"
    assert expected == MasterKey(SECRET).derive("data key wrapping").hex()


def test_key_file_is_made_private_and_found_again(tmp_path):
    path = tmp_path / "master.key"
    made = MasterKey.kept_in(path)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert made.text == MasterKey.kept_in(path).text
    assert [path] == list(tmp_path.iterdir())


def test_key_file_is_private_under_any_umask(tmp_path):
    before = os.umask(0)
    try:
        MasterKey.kept_in(tmp_path / "master.key")
    finally:
        os.umask(before)
    assert 0o600 == stat.S_IMODE((tmp_path / "master.key").stat().st_mode)


def test_key_files_hold_different_keys(tmp_path):
    assert MasterKey.kept_in(tmp_path / "one").text != MasterKey.kept_in(tmp_path / "other").text


def test_key_file_that_is_damaged_is_refused_and_kept(tmp_path):
    path = tmp_path / "master.key"
    path.write_text("damaged")
    with pytest.raises(ValueError, match="base64"):
        MasterKey.kept_in(path)
    assert "damaged" == path.read_text()


def test_data_key_wrapped_is_opened_by_another_keyring_of_the_same_master_key():
    key, wrapped = Keyring(MasterKey(SECRET)).create(JOURNAL)
    opened = Keyring(MasterKey(SECRET)).open(JOURNAL, wrapped)
    assert b"text" == opened.decrypt(NONCE, key.encrypt(NONCE, b"text", None), None)


def test_data_keys_of_two_journals_differ():
    keyring = Keyring(MasterKey(SECRET))
    one, other = (keyring.create(an_id(number))[0] for number in (1, 2))
    with pytest.raises(InvalidTag):
        other.decrypt(NONCE, one.encrypt(NONCE, b"text", None), None)


def test_data_key_opened_with_another_master_key_is_refused():
    _, wrapped = Keyring(MasterKey(SECRET)).create(JOURNAL)
    with pytest.raises(MasterKeyMismatch) as caught:
        Keyring(OTHER).open(JOURNAL, wrapped)
    assert JOURNAL == caught.value.journal_id


def test_data_key_opened_for_another_journal_is_refused():
    _, wrapped = Keyring(MasterKey(SECRET)).create(JOURNAL)
    with pytest.raises(MasterKeyMismatch):
        Keyring(MasterKey(SECRET)).open(an_id(2), wrapped)


@pytest.mark.parametrize("place", [0, NONCE_BYTES, -1])
def test_data_key_damaged_is_refused(place):
    damaged = bytearray(Keyring(MasterKey(SECRET)).create(JOURNAL)[1])
    damaged[place] ^= 1
    with pytest.raises(MasterKeyMismatch):
        Keyring(MasterKey(SECRET)).open(JOURNAL, bytes(damaged))


def test_data_key_created_is_not_found_until_its_journal_is_recorded():
    keyring = Keyring(MasterKey(SECRET))
    key, wrapped = keyring.create(JOURNAL)
    assert keyring.find(JOURNAL) is None
    keyring.keep({JOURNAL: key})
    assert key is keyring.find(JOURNAL)
    assert key is keyring.open(JOURNAL, wrapped)


def test_keyring_keeps_the_keys_lately_in_use_and_opens_others_again():
    keyring = Keyring(MasterKey(SECRET))
    key, wrapped = keyring.create(JOURNAL)
    keyring.keep({JOURNAL: key})
    keyring.keep({an_id(number): key for number in range(2, CACHED_KEYS_MAX + 2)})
    assert keyring.find(JOURNAL) is None
    reopened = keyring.open(JOURNAL, wrapped)
    assert reopened is keyring.find(JOURNAL)
