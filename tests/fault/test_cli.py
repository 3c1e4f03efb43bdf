"""The command line: what it says, how it ends, and that nothing stays behind."""

import asyncio
import socket
from contextlib import suppress

import psutil
import pytest
import structlog
from click.testing import CliRunner

from projections.engine import FIRST_JOURNAL
from service import main
from tests.conftest import MASTER_KEY
from tests.fault.processes import (
    an_entry,
    ask,
    open_book,
    run_cli,
    running_command,
    running_service,
    runs,
    sign_up_and_in,
    terminated,
)
from tests.fault.until import until


def run_here(*words, **settings):
    """Run the command line in this process: what fails before anything starts."""
    environment = {f"GAGYEBU_{name.upper()}": value for name, value in settings.items()}
    try:
        return CliRunner().invoke(main, words, env=environment, prog_name="gagyebu")
    finally:
        structlog.reset_defaults()  # what the command set up for itself is not for the tests after this one


@pytest.mark.parametrize(
    "words",
    [
        *((), ("serve",), ("migrate",), ("project",), ("keys",), ("keys", "rotate"), ("keys", "list")),
        *(("service",), ("service", "add"), ("service", "list"), ("service", "remove")),
        *(("projections",), ("projections", "list"), ("projections", "rebuild"), ("projections", "verify")),
        *(("projections", name) for name in ("status", "pause", "resume", "cancel", "drop-old")),
        *(("journal",), ("journal", "export"), ("journal", "import"), ("replay",)),
    ],
    ids=" ".join,
)
def test_help_is_there_for_every_command(words):
    result = run_here(*words, "--help")
    assert 0 == result.exit_code
    assert result.output.startswith(f"Usage: {' '.join(['gagyebu', *words])} ")


async def test_help_names_the_commands_and_flags():
    code, commands, errors = await run_cli("--help")
    assert (0, "") == (code, errors)
    assert all(f"\n  {name} " in commands for name in ("serve", "migrate", "project", "keys", "service"))
    flags = run_here("serve", "--help").output
    assert all(f"--{name} " in flags for name in ("host", "port", "data-dir", "workers"))


async def test_serve_without_a_master_key_on_a_database_of_ones_own_is_a_usage_error(empty_dsn):
    code, output, errors = await run_cli("serve", database_url=empty_dsn)
    assert (2, "") == (code, output)
    assert "GAGYEBU_MASTER_KEY must be set" in errors


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("port", "eighty"),
        ("port", "70000"),
        ("workers", "0"),
        ("pool_size_max", "0"),
        ("log_level", "loud"),
        ("projector", "perhaps"),
        ("time_zone", "Asia/Soul"),
    ],
)
def test_a_setting_that_cannot_be_used_is_a_usage_error_that_names_it(setting, value):
    result = run_here("serve", **{setting: value})
    assert 2 == result.exit_code
    assert f"GAGYEBU_{setting.upper()}" in result.output


async def test_a_master_key_that_is_none_is_a_usage_error_that_does_not_show_it(empty_dsn):
    code, output, errors = await run_cli("serve", database_url=empty_dsn, master_key="c2hvcnQ=")
    assert (2, "") == (code, output)
    assert "GAGYEBU_MASTER_KEY: a master key has 32 bytes" in errors
    assert "c2hvcnQ=" not in errors


async def test_a_database_that_is_not_migrated_is_refused_with_what_to_do(empty_dsn):
    code, output, errors = await run_cli("serve", database_url=empty_dsn, master_key=MASTER_KEY.text)
    assert (1, "") == (code, output)
    assert "run `gagyebu migrate` as its owner first" in errors
    assert "Traceback" not in errors


async def test_a_database_that_does_not_answer_is_refused_with_a_sentence(tmp_path):
    nowhere = f"postgresql://nobody@/nothing?host={tmp_path}"
    for words in (("serve",), ("migrate",), ("project",)):
        code, output, errors = await run_cli(*words, database_url=nowhere, master_key=MASTER_KEY.text)
        assert (1, "") == (code, output)
        assert errors.startswith("Error: ")
        assert "Traceback" not in errors


async def test_migrate_says_what_it_did_and_has_nothing_to_do_again(empty_dsn):
    code, output, _ = await run_cli("migrate", database_url=empty_dsn)
    assert 0 == code
    assert "0001_journals" in output.split()
    assert (0, "nothing to do\n", "") == await run_cli("migrate", database_url=empty_dsn)


@pytest.mark.parametrize("command", ["migrate", "project"])
async def test_what_needs_a_database_of_ones_own_says_so(command):
    code, _, errors = await run_cli(command)
    assert 2 == code
    assert "GAGYEBU_DATABASE_URL" in errors


async def test_a_port_in_use_is_refused_with_a_sentence(dsn):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, errors = await run_cli("serve", "--port", port, database_url=dsn, master_key=MASTER_KEY.text)
    assert 1 == code
    assert "address already in use" in errors
    assert "Traceback" not in errors


async def test_a_second_service_on_a_data_directory_is_refused_and_the_first_comes_back_with_its_data(tmp_path):
    data_dir = tmp_path / "data"
    async with running_service(tmp_path, "--data-dir", str(data_dir)) as first:
        token = await sign_up_and_in(first.client())
        book = await open_book(first.client(), token)
        code, output, errors = await run_cli("serve", "--port", "0", "--data-dir", str(data_dir))
        assert (1, "") == (code, output)
        assert f"(process {first.process.pid}) uses the data directory {data_dir}" in errors
        assert 0o600 == (data_dir / "master.key").stat().st_mode & 0o777
        family = first.family()
        assert 0 == await first.stop()
        assert not psutil.wait_procs(family, timeout=0)[1]
    async with running_service(tmp_path, "--data-dir", str(data_dir)) as again:
        status, found = await ask(again.client(), "GET", f"/books/{book}", token=token)
        assert (200, book) == (status, found["id"])


async def test_two_workers_answer_on_the_printed_port_and_nothing_stays_after_sigterm(tmp_path):
    async with running_service(tmp_path, "--data-dir", str(tmp_path / "data"), "--workers", "2") as service:
        await until(lambda: all_workers_serve(service))
        token = await sign_up_and_in(service.client())
        book = await open_book(service.client(), token)
        for _ in range(8):  # each on a connection of its own, so now here, now there
            status, found = await ask(service.client(), "GET", f"/books/{book}", token=token)
            assert (200, book) == (status, found["id"])
        family = service.family()
        assert len(family) > 3
        assert 0 == await service.stop()
        assert not psutil.wait_procs(family, timeout=0)[1]


async def test_a_worker_that_is_killed_is_replaced(tmp_path, dsn):
    settings = {"database_url": dsn, "master_key": MASTER_KEY.text}
    async with running_service(tmp_path, "--workers", "2", **settings) as service:
        killed = service.workers()[0]
        killed.kill()
        await until(lambda: len(service.workers()) == 2 and killed not in service.workers())
        await until(lambda: all_workers_serve(service))


async def all_workers_serve(service):
    """Knock until every worker has somebody at its door."""
    connections = [await connected(service.url) for _ in range(8)]
    try:
        for connection in connections:
            connection.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            await connection.drain()
        return all(
            any(found.status == psutil.CONN_ESTABLISHED and found.laddr.port == port_of(service.url) for found in inet)
            for inet in (worker.net_connections("inet") for worker in service.workers())
        )
    finally:
        for connection in connections:
            connection.close()
            with suppress(ConnectionError):  # who waited at the door of the one that was killed
                await connection.wait_closed()


async def connected(url):
    _, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
    return writer


def port_of(url):
    return int(url.rpartition(":")[2])


async def test_workers_end_with_a_supervisor_that_is_killed(tmp_path, dsn):
    settings = {"database_url": dsn, "master_key": MASTER_KEY.text}
    async with running_service(tmp_path, "--workers", "2", **settings) as service:
        workers = service.workers()
        assert 2 == len(workers)
        await service.kill()
        await until(lambda: not any(map(runs, workers)))


async def test_project_keeps_read_models_up_alone_and_stops_on_sigterm(tmp_path, dsn, engine):
    settings = {"database_url": dsn, "master_key": MASTER_KEY.text}
    async with running_service(tmp_path, **settings, projector=False) as service:
        token = await sign_up_and_in(service.client())
        assert [] != (await engine.find_stale(FIRST_JOURNAL, 100))[0]
        async with running_command(tmp_path, r"(projecting)\n", "project", **settings) as (projector, _):
            await until(lambda: is_caught_up(engine))
            book = await open_book(service.client(), token)
            status, _ = await ask(service.client(), "POST", f"/books/{book}/entries", an_entry(), token)
            assert 201 == status
            await until(lambda: is_caught_up(engine))
            assert 0 == await terminated(projector)


async def is_caught_up(engine):
    stale, _ = await engine.find_stale(FIRST_JOURNAL, 100)
    return not stale
