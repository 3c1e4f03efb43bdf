"""What can be known of docker/ without a Docker engine: that its files say what the project has."""

import fnmatch
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from eventstore.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMMANDS = {"serve", "migrate", "project"}
MESSAGES = {
    "GAGYEBU_PUBLIC_URL",
    "GAGYEBU_SMTP_URL",
    "GAGYEBU_MAIL_FROM",
    "GAGYEBU_SMS_WEBHOOK_URL",
    "GAGYEBU_SMS_WEBHOOK_SECRET",
}
"""What mail and texts need, the address that their links begin with included."""


def instructions():
    """The Dockerfile's instructions: (name, arguments), lines continued with a backslash joined."""
    text = re.sub(r"\\\n", " ", (DOCKER / "Dockerfile").read_text("utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def copied_sources():
    copies = [shlex.split(rest) for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    return {source for *sources, _ in copies for source in sources}


@pytest.fixture(scope="module")
def compose():
    yaml = pytest.importorskip("yaml", reason="PyYAML, of the test requirements, is not installed")
    return yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))


def test_dockerfile_copies_only_what_is_there():
    assert [source for source in sorted(copied_sources()) if not (ROOT / source).exists()] == []


def test_dockerfile_copies_every_package():
    packages = re.findall(r"^    (\w+)$", (ROOT / "setup.cfg").read_text("utf-8").split("packages =")[1], re.MULTILINE)

    assert {package for package in packages if (ROOT / package / "__init__.py").exists()} <= copied_sources()


def test_dockerignore_lets_in_exactly_what_the_dockerfile_copies():
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()

    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied_sources()


def test_image_runs_the_service_as_a_plain_user():
    last = dict(instructions())  # of instructions that come twice, the one of the final stage

    assert int(last["USER"]) > 0
    assert last["ENTRYPOINT"] == '["gagyebu"]'
    assert '"serve"' in last["CMD"]


def test_compose_mounts_files_that_are_there(compose):
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith(".")]

    assert files
    assert [file for file in files if not (DOCKER / file).is_file()] == []


def test_compose_builds_from_the_dockerfile_and_runs_its_commands(compose):
    built = [service for service in compose["services"].values() if "build" in service]

    assert {(DOCKER / service["build"]["context"]).resolve() for service in built} == {ROOT}
    assert {ROOT / service["build"]["dockerfile"] for service in built} == {DOCKER / "Dockerfile"}
    assert {service["command"][0] for service in built} <= COMMANDS


def test_compose_starts_the_service_only_on_a_migrated_database(compose):
    conditions = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in compose["services"].items()
    }

    assert conditions == {
        "postgres": {},
        "migrate": {"postgres": "service_healthy"},
        "service": {"migrate": "service_completed_successfully"},
        "nginx": {"service": "service_healthy"},
    }


def test_compose_gives_away_no_right_that_is_not_needed(compose):
    for name in ("migrate", "service", "nginx"):
        service = compose["services"][name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert fnmatch.filter(published, "127.0.0.1:*") == published


def test_compose_knows_every_secret_from_outside_only(compose):
    text = (DOCKER / "compose.yaml").read_text("utf-8")
    required = set(re.findall(r"\$\{(\w+):\?", text))
    example = set(re.findall(r"^(\w+)=$", (DOCKER / "env.example").read_text("utf-8"), re.MULTILINE))

    assert required == example == {"POSTGRES_PASSWORD", "GAGYEBU_DATABASE_PASSWORD", "GAGYEBU_MASTER_KEY"}
    assert set(re.findall(r"\$\{(\w+):-", text)) == {"GAGYEBU_PUBLISHED_PORT", "GAGYEBU_WEB_SUBNET", *MESSAGES}
    assert "GAGYEBU_MASTER_KEY" not in compose["services"]["migrate"]["environment"]


def test_compose_hands_the_settings_of_messages_on_and_the_example_names_them(compose):
    environment = compose["services"]["service"]["environment"]
    example = (DOCKER / "env.example").read_text("utf-8")

    assert [name for name in MESSAGES if not environment[name].startswith(f"${{{name}:-")] == []
    assert set(re.findall(r"^# (GAGYEBU_\w+)=", example, re.MULTILINE)) == MESSAGES


def test_compose_gives_the_service_settings_that_there_are_and_good_ones_unless_said(compose, monkeypatch):
    environment = compose["services"]["service"]["environment"]
    for name, value in environment.items():
        default = re.fullmatch(r"\$\{\w+:-(.*)\}", value)
        monkeypatch.setenv(name, default[1] if default else value)
    settings = Settings.from_environment()

    assert {name.removeprefix("GAGYEBU_").lower() for name in environment} <= {field.name for field in fields(Settings)}
    assert (settings.smtp_url, settings.sms_webhook_url) == ("", "")
    assert settings.client_url == Settings().client_url


def test_compose_proxies_to_the_port_that_the_service_listens_on(compose):
    command = compose["services"]["service"]["command"]
    port = command[command.index("--port") + 1]

    assert f"server service:{port} resolve;" in (DOCKER / "nginx.conf").read_text("utf-8")
