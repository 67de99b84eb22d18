"""The documentation's claims hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import facedetect.archive
from facedetect import Detector
from facedetect.backends.fake import FakeBackend
from facedetect.service import create_app
from facedetect.settings import ClientSettings, ServiceSettings
from tests.processes import call
from website.http_reference import reference

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("*.md")),
    ROOT / "models/README.md",
]


def test_the_readme_begins_with_the_two_commands_that_set_everything_up() -> None:
    first_block = README.split("```sh\n", 1)[1].split("```", 1)[0]
    assert [line.split()[0] for line in first_block.splitlines()] == [
        "scripts/serve",
        "scripts/test",
    ]
    assert all((ROOT / command.split()[0]).exists() for command in first_block.splitlines())


def test_every_script_and_benchmark_that_pages_name_exists() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    scripts = set(re.findall(r"\bscripts/[a-z-]+", text))
    benchmarks = set(re.findall(r"\bscripts/bench ([a-z-]+)", text))
    modules = {f"benchmarks/{name.replace('-', '_')}.py" for name in benchmarks}
    assert len(scripts) > 10
    assert len(modules) > 10
    assert [name for name in scripts | modules if not (ROOT / name).is_file()] == []


def test_every_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    fields = ServiceSettings.model_fields | ClientSettings.model_fields
    for name, field in fields.items():
        default = shown_default(field.default)
        assert f"| `FACEDETECT_{name.upper()}` | {default} | {field.description} |" in page


def shown_default(value: object) -> str:
    if value is None or value == ():
        return "not set"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def test_every_call_and_parameter_is_documented() -> None:
    page = (ROOT / "docs/http.md").read_text("utf-8")
    document = create_app(ServiceSettings.load(), Detector(FakeBackend())).openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"`{method.upper()} {path}`" in page
            for parameter in operation.get("parameters", []):
                assert f"| `{parameter['name']}` |" in page
            for status in set(operation["responses"]) - {"200"}:
                assert f"| {status} |" in page


def test_every_command_and_option_is_documented() -> None:
    page = (ROOT / "docs/command-line.md").read_text("utf-8")
    helps = dict(commands_and_helps())
    assert len(helps) >= 10
    for command, text in helps.items():
        assert f"| `facedetect {command}" in page
        options = set(re.findall(r"--[a-z-]+", text)) - {"--help"}
        assert {option for option in options if option not in page} == set()


def commands_and_helps(*group: str) -> Iterator[tuple[str, str]]:
    """Yield the commands listed in a help, including groups (`keys add`), with their helps."""
    _, _, listed = help_text(*group).partition("\nCommands:\n")
    for name in re.findall(r"^  ([a-z][a-z-]+) ", listed, re.MULTILINE):
        yield " ".join((*group, name)), help_text(*group, name)
        yield from commands_and_helps(*group, name)


def help_text(*command: str) -> str:
    return call(*command, "--help", env={"COLUMNS": "200"}).stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not missing


def pages_in(navigation: object) -> Iterator[str]:
    """Yield the pages in a part of mkdocs.yml's navigation."""
    if isinstance(navigation, str):
        yield navigation
    elif isinstance(navigation, dict):
        yield from pages_in(list(navigation.values()))
    elif isinstance(navigation, list):
        for entry in navigation:
            yield from pages_in(entry)


def test_the_sites_navigation_has_every_page_once() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    listed = list(pages_in(site["nav"]))
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    assert len(listed) == len(set(listed))
    assert pages <= set(listed)
    # Those that website/hooks.py takes from beside docs/, and the one that is generated.
    assert set(listed) - pages == {
        "architecture.md",
        "changelog.md",
        "code-of-conduct.md",
        "contributing.md",
        "reference/http.md",
        "security-policy.md",
        "weights.md",
    }


def test_the_http_reference_links_every_call_to_its_objects() -> None:
    document = create_app(ServiceSettings.load(), Detector(FakeBackend())).openapi()
    page = reference(document)
    for path, methods in document["paths"].items():
        assert all(f"\n## {method.upper()} {path}\n" in page for method in methods)
    assert "| `min_size` | number, at least 8 | `20` | Smallest face" in page
    assert "`application/json`: [DetectResponse](#detectresponse)" in page
    assert "| `faces` | list of [DetectedFace](#detectedface) |" in page
    anchors = {name.lower() for name in re.findall(r"^### (\w+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", page)) <= anchors


def test_every_public_name_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/python.md").read_text("utf-8")
    shown = re.findall(r"^::: facedetect\.(?:archive\.)?(\w+)$", page, re.MULTILINE)
    assert set(shown) >= {*facedetect.__all__, *facedetect.archive.__all__}


def test_every_dependency_says_why_it_is_there() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    start = lines.index("dependencies = [")
    listed = lines[start + 1 : lines.index("]", start)]
    assert all("#" in line for line in listed)


def test_every_module_says_what_it_is_for() -> None:
    modules = list((ROOT / "facedetect").rglob("*.py"))
    silent = [path for path in modules if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent
