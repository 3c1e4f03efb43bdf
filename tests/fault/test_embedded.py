"""The embedded PostgreSQL: it starts, it comes back, it lets nobody else in, and leaves nothing behind."""

import asyncio
import os
import shutil
import signal
import stat
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import psutil
import pytest

from eventstore.embedded import DataDirectoryInUse, OtherMajorVersion, embedded_postgres
from tests.fault.processes import ROOT, runs, servers_in
from tests.fault.until import until

# Another process that runs the server until it is told otherwise; it says where.
HOLDER = """
import asyncio, pathlib, sys
from eventstore.embedded import embedded_postgres

async def main():
    async with embedded_postgres(pathlib.Path(sys.argv[1])) as dsn:
        print(dsn, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data directory that was in use before, with the row “kept” in its database."""
    data_dir = tmp_path_factory.mktemp("embedded") / "data"

    async def make():
        async with embedded_postgres(data_dir) as dsn:
            await run_sql(dsn, "CREATE TABLE notes (note text)")
            await run_sql(dsn, "INSERT INTO notes VALUES ('kept')")

    with asyncio.Runner() as runner:
        runner.run(make())
    return data_dir


@asynccontextmanager
async def held_elsewhere(data_dir):
    """Another process owns the data directory."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDER, str(data_dir)), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        await stop_left_over(data_dir)


async def stop_left_over(data_dir):
    """Whatever a test did, no server stays."""
    if (data_dir / "postgres" / "postmaster.pid").exists():
        async with embedded_postgres(data_dir):
            pass


async def run_sql(dsn, sql):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


async def notes(dsn):
    return [row["note"] for row in await run_sql(dsn, "SELECT note FROM notes ORDER BY note")]


async def answers(dsn):
    try:
        return await notes(dsn)
    except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError):
        return None


def postmaster_of(data_dir):
    return psutil.Process(int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0]))


def sockets_of(dsn):
    return Path(unquote(dsn.partition("host=")[2]))


def closed_to_others(path):
    return stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def content_of(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


async def test_a_cold_start_answers_and_the_next_start_finds_the_data(made):
    async with embedded_postgres(made) as dsn:
        assert "kept" in await notes(dsn)
    async with embedded_postgres(made) as again:
        assert dsn == again
        assert "kept" in await notes(again)


async def test_data_is_safe_by_default(made):
    async with embedded_postgres(made) as dsn:
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert [("on",)] == [tuple(row) for row in await run_sql(dsn, f"SHOW {setting}")]


async def test_nobody_else_may_enter_and_no_port_is_open(made):
    async with embedded_postgres(made) as dsn:
        for folder in (made, made / "postgres", sockets_of(dsn)):
            assert closed_to_others(folder), folder
        assert [] == postmaster_of(made).net_connections("inet")
        assert [("",)] == [tuple(row) for row in await run_sql(dsn, "SHOW listen_addresses")]


async def test_leaving_the_context_stops_the_server_and_removes_its_socket(made):
    async with embedded_postgres(made) as dsn:
        postmaster = postmaster_of(made)
        assert runs(postmaster)
    assert not runs(postmaster)
    assert not sockets_of(dsn).exists()
    assert not (made / "postgres" / "postmaster.pid").exists()


async def test_cancellation_stops_the_server(made):
    started = asyncio.Event()

    async def hold():
        async with embedded_postgres(made):
            started.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await started.wait()
    postmaster = postmaster_of(made)
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert not runs(postmaster)


async def test_a_cancelled_start_leaves_no_server(made):
    """However far a start has come."""
    for milliseconds in (1, 30, 60, 120):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(milliseconds / 1000), embedded_postgres(made):
                await asyncio.Event().wait()
        assert not (made / "postgres" / "postmaster.pid").exists(), milliseconds


async def test_a_second_owner_is_refused_and_told_who_is_the_first(made):
    async with held_elsewhere(made) as (first, dsn):
        with pytest.raises(DataDirectoryInUse) as refused:
            async with embedded_postgres(made):
                pass
        assert str(first.pid) in str(refused.value)
        assert str(made) in str(refused.value)
        assert "kept" in await notes(dsn)  # and the first goes on
    async with embedded_postgres(made):
        pass


async def test_a_directory_of_another_major_version_is_refused_and_not_touched(tmp_path):
    pgdata = tmp_path / "postgres"
    (pgdata / "base").mkdir(parents=True)
    (pgdata / "PG_VERSION").write_text("15\n")
    (pgdata / "base" / "1").write_bytes(b"somebody's data")
    before = content_of(pgdata)
    with pytest.raises(OtherMajorVersion, match=r"made by PostgreSQL 15.*nothing was changed"):
        async with embedded_postgres(tmp_path):
            pass
    assert before == content_of(pgdata)


async def test_a_server_left_by_a_killed_service_is_stopped_and_its_data_is_there(made):
    async with held_elsewhere(made) as (service, dsn):
        await run_sql(dsn, "INSERT INTO notes VALUES ('by the killed')")
        left_over = postmaster_of(made)
        service.kill()
        await service.wait()
        assert runs(left_over)
        async with embedded_postgres(made) as again:
            assert not runs(left_over)
            assert {"kept", "by the killed"} <= set(await notes(again))
            await run_sql(again, "DELETE FROM notes WHERE note <> 'kept'")


async def test_a_service_and_server_killed_together_start_again_with_their_data(made):
    async with held_elsewhere(made) as (service, dsn):
        await run_sql(dsn, "INSERT INTO notes VALUES ('by the killed')")
        postmaster = postmaster_of(made)
        service.kill()
        postmaster.kill()
        await service.wait()
        async with embedded_postgres(made) as again:
            assert {"kept", "by the killed"} <= set(await notes(again))
            await run_sql(again, "DELETE FROM notes WHERE note <> 'kept'")


async def test_a_killed_servers_backend_that_still_runs_is_waited_for(made):
    """Two servers on one directory would destroy it."""
    async with held_elsewhere(made) as (service, dsn):
        endless = asyncio.create_task(run_sql(dsn, "DO $$ BEGIN LOOP END LOOP; END $$"))
        (backend,) = await until(lambda: busy_backends(dsn))
        service.kill()
        postmaster_of(made).kill()
        await service.wait()
        log = made / "postgres.log"
        log.write_bytes(b"")
        starting = asyncio.create_task(started_and_left(made))
        await until(lambda: "shared memory block" in log.read_text())
        assert runs(backend)
        assert not starting.done()
        backend.kill()
        assert "kept" in await starting
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InternalClientError)):
            await endless


async def busy_backends(dsn):
    sql = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'"
    return [psutil.Process(row["pid"]) for row in await run_sql(dsn, sql)]


async def started_and_left(data_dir):
    async with embedded_postgres(data_dir) as dsn:
        return await notes(dsn)


async def test_a_killed_server_is_started_again_under_its_service(made):
    async with embedded_postgres(made) as dsn:
        for _ in range(2):
            killed = postmaster_of(made)
            killed.send_signal(signal.SIGKILL)
            await until(lambda killed=killed: not runs(killed))
            assert "kept" in await until(lambda: answers(dsn))
        postmaster = postmaster_of(made)
    assert not runs(postmaster)


async def test_leaving_while_a_killed_server_starts_again_leaves_no_server(made):
    for wait_ms in (0, 20, 60, 150):
        async with embedded_postgres(made):
            killed = postmaster_of(made)
            killed.send_signal(signal.SIGKILL)
            await until(lambda killed=killed: not runs(killed))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):
                    await asyncio.Event().wait()
        assert [] == servers_in(made), wait_ms


async def test_what_a_broken_first_start_left_is_ignored(tmp_path):
    draft = tmp_path / "postgres.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    (draft / "half").write_bytes(b"written")
    async with embedded_postgres(tmp_path) as dsn:
        assert [(1,)] == [tuple(row) for row in await run_sql(dsn, "SELECT 1")]
    assert not draft.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's directories are closed to the server's user")
async def test_root_may_keep_its_data_where_the_servers_user_cannot_go():
    home = Path(tempfile.mkdtemp(prefix="private-"))
    try:
        assert closed_to_others(home)
        async with embedded_postgres(home / "data") as dsn:
            assert [(1,)] == [tuple(row) for row in await run_sql(dsn, "SELECT 1")]
            assert postmaster_of(home / "data").uids().real != 0
        assert closed_to_others(home)
    finally:
        shutil.rmtree(home)
