"""`kill -9` between an event and its mail: the mail comes all the same, at least once, and the same one."""

import asyncio
from contextlib import asynccontextmanager

from tests.conftest import MASTER_KEY
from tests.fault.processes import PASSWORD, ask, running_service
from tests.fault.until import until
from tests.mailbox import Mailbox, mail_server

EMAIL = "mina@example.com"


def a_service(folder, dsn, mailbox: Mailbox):
    url = f"smtp://127.0.0.1:{mailbox.port}"
    return running_service(folder, database_url=dsn, master_key=MASTER_KEY.text, smtp_url=url)


@asynccontextmanager
async def a_service_at_sending(folder, dsn, mailbox: Mailbox):
    """Run a service whose mail has arrived, but which has not heard of that."""
    mailbox.may_answer.clear()
    async with a_service(folder, dsn, mailbox) as service:
        await sign_up(service)
        await mailbox.wait_for(EMAIL)
        yield service


async def sign_up(service):
    status, _ = await ask(service.client(), "POST", "/users/signup", {"email": EMAIL, "password": PASSWORD})
    assert 201 == status


async def verify(service, token):
    return await ask(service.client(), "POST", "/users/verify-email", {"token": token})


async def test_a_service_killed_before_it_could_send_leaves_the_mail_to_the_next(dsn, tmp_path):
    async with mail_server() as mailbox:
        mailbox.answers[EMAIL] = "451 later"
        async with a_service(tmp_path, dsn, mailbox) as first:
            await sign_up(first)
            await until(lambda: mailbox.tries)
            await first.kill()
        mailbox.answers.clear()
        async with a_service(tmp_path, dsn, mailbox) as second:
            assert (204, None) == await verify(second, await mailbox.token_for(EMAIL))
        assert [EMAIL] == mailbox.recipients


async def test_a_service_killed_before_it_knew_that_it_had_sent_sends_the_same_mail_again(dsn, tmp_path):
    async with mail_server() as mailbox:
        async with a_service_at_sending(tmp_path, dsn, mailbox) as first:
            await first.kill()
        mailbox.may_answer.set()
        async with a_service(tmp_path, dsn, mailbox) as second:
            again = await mailbox.wait_for(EMAIL, 2)
            assert (204, None) == await verify(second, await mailbox.token_for(EMAIL))
        once = mailbox.sent_to(EMAIL)[0]
        assert once["Message-ID"] == again["Message-ID"]


async def test_a_service_told_to_stop_does_not_wait_for_a_mail_server_that_does_not_answer(dsn, tmp_path):
    async with mail_server() as mailbox, a_service_at_sending(tmp_path, dsn, mailbox) as first:
        async with asyncio.timeout(10):
            assert 0 == await first.stop()


async def test_a_service_that_ends_leaves_its_turn_to_send_to_another(dsn, tmp_path):
    async with mail_server() as mailbox, a_service(tmp_path, dsn, mailbox) as first:
        await sign_up(first)
        await mailbox.wait_for(EMAIL)
        async with a_service(tmp_path, dsn, mailbox) as second:
            await first.kill()
            body = {"email": EMAIL}
            statuses = await asyncio.gather(
                *(ask(second.client(), "POST", "/users/forgot-password", body) for _ in range(2))
            )
            assert [202, 202] == [status for status, _ in statuses]
            await mailbox.wait_for(EMAIL, 3)


async def test_workers_leave_mail_that_nobody_sends_in_the_data_directory_that_was_named(tmp_path):
    data_dir = tmp_path / "data"
    async with running_service(tmp_path, "--data-dir", str(data_dir), "--workers", "2") as service:
        await sign_up(service)
        await until(lambda: list(data_dir.glob("mail/*.eml")))
