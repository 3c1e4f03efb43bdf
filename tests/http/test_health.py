"""What an operator's probes ask."""


async def test_alive_and_ready_need_no_sign_in(guest):
    alive, ready = await guest.get("/livez"), await guest.get("/readyz")

    assert (alive.status, alive.json) == (200, {"status": "ok"})
    assert ready.status == 200
    assert (ready.json["status"], ready.json["database"]) == ("ok", "ok")
    assert ready.json["projector"]["lag_seconds"] >= 0


async def test_probes_answer_head_as_well(guest):
    for path in ("/livez", "/readyz"):
        answer = await guest.ask("HEAD", path)
        assert (answer.status, answer.content) == (200, b"")


async def test_service_without_its_database_is_alive_and_not_ready_until_it_is_back(guest, database_gone):
    async with database_gone():
        assert (await guest.get("/livez")).status == 200
        assert (await guest.get("/readyz")).outcome == (503, "store-unavailable")
    assert (await guest.get("/readyz")).status == 200
