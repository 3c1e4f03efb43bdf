"""Private files: whole, for their owner alone, or not there."""

import os
import stat

import pytest

from eventstore.files import private_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "secret"


def write(path, content=b"new"):
    with private_file(path) as file:
        file.write(content)
        assert not path.exists() or b"old" == path.read_bytes()


def test_file_is_for_its_owner_alone_and_there_once_it_is_whole(path):
    write(path)

    assert (b"new", 0o600) == (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    assert [path] == list(path.parent.iterdir())


def test_file_that_was_there_is_replaced_whole_and_its_mode_too(path):
    path.write_bytes(b"old")
    path.chmod(0o644)
    write(path)

    assert (b"new", 0o600) == (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))


def test_file_is_written_although_a_killed_process_of_the_same_number_left_a_draft(path):
    draft = path.with_name(f"secret.{os.getpid()}.part")
    draft.write_bytes(b"the half of another, which was longer")
    draft.chmod(0o644)
    write(path)

    assert (b"new", 0o600) == (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    assert [path] == list(path.parent.iterdir())


def test_error_leaves_what_was_there_and_nothing_beside_it(path):
    path.write_bytes(b"old")
    with pytest.raises(TypeError):
        write(path, "no bytes")

    assert b"old" == path.read_bytes()
    assert [path] == list(path.parent.iterdir())
