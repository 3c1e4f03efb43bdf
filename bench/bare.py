"""The lower limit: an aiohttp handler that does one prepared INSERT per request, nothing else."""

import asyncio
import itertools
import signal
import sys
from uuid import UUID

import asyncpg
import orjson
from aiohttp import web
from uuid_utils.compat import uuid7

from bench import schema

POOL_SIZE = 20
POOL = web.AppKey("pool", asyncpg.Pool)
POSITIONS = web.AppKey("positions", itertools.count)
JOURNAL_ID = UUID("019aae3c-7a10-7b5e-9d7a-3f6f6f6d1c10")


async def create_entry(request: web.Request) -> web.Response:
    """Insert the body as one event and answer it with its id."""
    entry = orjson.loads(await request.read())
    positions = request.app[POSITIONS]
    stream_id, position = uuid7(), next(positions)
    state = orjson.dumps(entry)
    await request.app[POOL].execute(schema.INSERT, JOURNAL_ID, position, stream_id, schema.TOPIC, state)
    answer = orjson.dumps({"id": str(stream_id), **entry})
    return web.Response(body=answer, status=201, content_type="application/json")


async def serve(dsn: str) -> None:
    """Answer on a free port of the loopback address until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    app = web.Application()
    app[POOL] = await schema.open_pool(dsn, POOL_SIZE)
    app[POSITIONS] = itertools.count(1)
    app.router.add_post("/entries", create_entry)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"ready on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await stopped.wait()
    await runner.cleanup()
    await app[POOL].close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))  # not uvloop, which made no difference here but for a worse p99
