"""The documents name what exists, all of it, and nothing else."""

import configparser
import dataclasses
import re
from importlib import metadata
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web
from environs import EnvError

from eventstore.embedded import default_data_dir
from eventstore.settings import Settings
from ledger.problems import problem_pages
from service import STATUSES, add_routes

ROOT = Path(__file__).parents[2]


def rows(document):
    """The rows of all tables of a document, as lists of cells without code marks; heads are left out."""
    text = (ROOT / "docs" / document).read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def plain(cell):
    return cell.replace("`", "")


def unique(pairs):
    """A dict of pairs none of which may come twice."""
    made = dict(pairs)
    assert len(made) == len(pairs)
    return made


def test_every_route_is_in_the_document_and_no_other():
    app = web.Application()
    add_routes(app)
    routes = {f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.method != "HEAD"}
    written = [plain(row[0]) for row in rows("http.md") if re.match(r"`[A-Z]+ /", row[0])]

    assert sorted(written) == sorted(routes)


def test_every_problem_is_in_the_document_with_its_status_and_no_other():
    written = unique([(plain(slug), int(status)) for slug, status, _ in rows("problems.md")])

    assert written == {slug: status for slug, (status, _) in problem_pages(STATUSES).items()}


def test_every_setting_is_in_the_document_with_its_default_and_no_other(monkeypatch):
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    written = unique([(plain(name), plain(default)) for name, default, _ in rows("settings.md")])
    fields = {f"GAGYEBU_{field.name.upper()}": field for field in dataclasses.fields(Settings)}

    assert written.keys() == fields.keys()
    assert written.pop("GAGYEBU_DATA_DIR") == "~/.local/share/gagyebu, as root /var/lib/gagyebu"
    assert default_data_dir() in {Path("/var/lib/gagyebu"), Path.home() / ".local/share/gagyebu"}
    for name, default in written.items():
        actual = fields[name].default
        assert default == ("–" if actual in {"", ()} else str(actual).lower() if actual is True else str(actual)), name


def test_every_setting_is_read_from_the_environment(monkeypatch):
    values = {}
    for field in dataclasses.fields(Settings):
        default = getattr(Settings(), field.name)
        plain_value = "false" if default is True else "7" if isinstance(default, int) else "/else"
        special = {"time_zone": "UTC", "log_level": "debug", "trusted_proxies": "10.0.0.0/8"}
        values[field.name] = special.get(field.name, plain_value)
        monkeypatch.setenv(f"GAGYEBU_{field.name.upper()}", values[field.name])
    settings = Settings.from_environment()

    others = {False, 7, "/else", Path("/else"), ("/else",), "UTC", "debug", (ip_network("10.0.0.0/8"),)}
    for name in values:
        assert getattr(settings, name) in others, name


@pytest.mark.parametrize("networks", ["nonsense", "10.0.0.1/8", "10.0.0.0/8,nonsense"])
def test_networks_of_proxies_that_cannot_be_read_are_named(monkeypatch, networks):
    monkeypatch.setenv("GAGYEBU_TRUSTED_PROXIES", networks)
    with pytest.raises(EnvError, match="GAGYEBU_TRUSTED_PROXIES"):
        Settings.from_environment()


@pytest.fixture
def required():
    """What setup.cfg requires, at run time and for each kind of work on the code."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lists = [parser["options"]["install_requires"], *parser["options.extras_require"].values()]
    words = {re.match(r"[\w-]+", line.strip())[0] for text in lists for line in text.splitlines() if line.strip()}
    return words - {"gagyebu"}


def test_every_dependency_is_in_the_document_with_its_licence_and_no_other(required):
    written = unique([(plain(name), licence.rstrip(" |")) for name, _, licence in rows("dependencies.md")])

    assert written.keys() == required
    for name, licence in written.items():
        about = metadata.metadata(name)
        assert licence == (about["License-Expression"] or about["License"]), name


REQUIREMENTS = {
    "6.1": 3,
    "6.2": 12,
    "6.3": 4,
    "6.4": 4,
    "6.5": 5,
    "6.6": 3,
    "7.1": 3,
    "7.2": 4,
    "7.3": 2,
    "7.4": 5,
    "7.5": 2,
    "8.1": 2,
    "8.2": 3,
    "8.3": 1,
    "8.4": 1,
    "9.1": 3,
    "9.2": 4,
    "10.1": 1,
    "10.3": 4,
    "10.4": 11,
    "11.1": 2,
    "11.2": 3,
    "11.3": 3,
    "11.4": 4,
    "11.5": 1,
    "11.6": 1,
    "16.1": 1,
    "16.2": 5,
    "16.3": 4,
    "16.4": 3,
    "16.5": 3,
}
"""How many requirements of levels 1 and 2 the sections of ASVS 5.0 have that apply; they come first in each."""
NO_AUTHORIZATION_CODES = {f"10.4.{number}" for number in (1, 2, 3, 6, 7)}


def test_security_document_leaves_no_requirement_out():
    written = [plain(row[0]) for row in rows("security.md") if re.match(r"`[\d.]+`", row[0])]
    asked = {f"{section}.{number}" for section, last in REQUIREMENTS.items() for number in range(1, last + 1)}

    assert len(set(written)) == len(written)
    assert set(written) == asked - NO_AUTHORIZATION_CODES


def test_requirement_in_the_security_document_names_a_test_that_proves_it():
    unproved = [row[0] for row in rows("security.md") if re.match(r"`[\d.]+`", row[0]) and "tests/" not in row[-1]]

    assert unproved == []


def test_files_and_tests_named_by_the_security_document_exist():
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = set(re.findall(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|md|sql))(?:::(test_\w+))?[`*]", text))

    assert len(named) > 150
    assert {path for path, _ in named if not (ROOT / path).is_file()} == set()
    tests = [(path, name) for path, name in named if name]
    assert [test for test in tests if f"def {test[1]}(" not in (ROOT / test[0]).read_text("utf-8")] == []


def test_links_between_documents_lead_somewhere():
    for document in (*ROOT.glob("docs/*.md"), ROOT / "README.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), (document.name, target)


def test_addresses_in_examples_are_ascii_as_http_wants_them():
    for document in (*ROOT.glob("docs/*.md"), ROOT / "README.md"):
        examples = re.findall(r"```sh\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
        for address in re.findall(r"\$api/[^\s\"]*", "".join(examples)):
            assert address.isascii(), (document.name, address)
