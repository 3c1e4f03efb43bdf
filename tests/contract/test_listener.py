"""The feed of notifications: it ends when it is told to."""

import asyncio

from eventstore.listener import listening


async def test_feed_cancelled_in_the_moment_of_a_notification_ends(dsn):
    async def follow(feed):
        while True:
            await feed.next(60)

    async with listening(dsn, "channel") as feed:
        for turns in range(5):  # of the loop, between the notification and the cancellation
            task = asyncio.create_task(follow(feed))
            for _ in range(5):
                await asyncio.sleep(0)
            feed.take(None, 0, "channel", "payload")
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            ended, _ = await asyncio.wait([task], timeout=10)
            assert ended


async def test_feed_without_notifications_is_empty_when_the_time_is_up(dsn):
    async with listening(dsn, "channel") as feed:
        assert await feed.next(0) == await feed.next(0.01) == []
        feed.take(None, 0, "channel", "payload")
        assert await feed.next(0) == ["payload"]
