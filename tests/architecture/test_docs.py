"""The documentation tells of every setting, command and decision that exists, and of none that does not."""

import re
from enum import StrEnum
from pathlib import Path

import click
import pytest
from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from src.cli import main
from src.config import Settings
from src.domain.fixed import fraction

from .markdown import ROOT, anchor, code, documents, headings, links, prose, read, section, table

COMMANDS = read("docs/command-line.md")
SETTINGS = {row[0].strip("`"): row for row in table(read("docs/configuration.md"), "name")}


def shown_default(field: FieldInfo) -> str:
    """Return the default of a setting as one would write it in the environment."""
    if isinstance(field.default, dict):
        return ",".join(f"{name}={fraction(micro):g}" for name, micro in field.default.items())
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return "none" if field.default is None else str(field.default)


def test_every_setting_is_documented_and_no_other() -> None:
    assert set(SETTINGS) == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_default_and_the_bounds_of_a_setting_are_documented(name: str) -> None:
    field, (_, default, allowed, _) = Settings.model_fields[name], SETTINGS[name.upper()]
    assert default.strip("`") == shown_default(field)
    bounds = {type(bound): bound for bound in field.metadata}
    if Ge in bounds and Le in bounds:
        assert allowed == f"{bounds[Ge].ge} to {bounds[Le].le}"
    if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
        assert code(allowed) == list(field.annotation)


def command(name: str) -> click.Command:
    """Return a command of the command line."""
    assert isinstance(main, click.Group)
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


def commands() -> list[str]:
    """Return the names of the commands."""
    assert isinstance(main, click.Group)
    return main.list_commands(click.Context(main))


def written(parameter: click.Parameter) -> str:
    """Return a parameter as one would write it."""
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(click.Context(click.Command(None))).strip("[]")
    [name] = parameter.opts
    return name


def parameters_of(shown: click.Command) -> dict[str, click.Parameter]:
    """Return the parameters of a command as one would write them; of a group with the name of each command in it."""
    if isinstance(shown, click.Group):
        return {f"{name} {key}": p for name, one in shown.commands.items() for key, p in parameters_of(one).items()}
    visible = [parameter for parameter in shown.params if not getattr(parameter, "hidden", False)]
    return {written(parameter): parameter for parameter in visible}


def test_every_command_is_documented_and_no_other() -> None:
    assert [text.strip("[]`") for text in re.findall(r"^\| (\[`[\w-]+`\])", COMMANDS, re.MULTILINE)] == commands()
    assert {heading for heading in headings(COMMANDS) if heading.islower()} == set(commands())


@pytest.mark.parametrize("name", commands())
def test_every_option_of_a_command_is_documented_with_its_choices_and_no_other(name: str) -> None:
    rows = table(section(COMMANDS, f"## {name}"), "option")
    words = 2 if isinstance(command(name), click.Group) else 1
    documented = {" ".join(code(row[0])[0].split()[:words]): row for row in rows}
    parameters = parameters_of(command(name))
    assert set(documented) == set(parameters)
    for option, parameter in parameters.items():
        if isinstance(parameter.type, click.Choice):
            assert "|".join(parameter.type.choices) in documented[option][0]


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(path: Path) -> None:
    for link in links(path.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, heading = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        if heading:
            assert heading in [anchor(text) for text in headings(target.read_text(encoding="utf-8"))], link


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_exists(path: Path) -> None:
    for name in code(prose(path.read_text(encoding="utf-8"))):
        if re.fullmatch(r"(?:src|tests|docs|benchmarks)/[\w./-]+", name):
            assert (ROOT / name).exists(), name


def test_every_decision_has_a_number_of_its_own_its_three_parts_and_a_line_in_the_list() -> None:
    pages = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert len({page.name[:4] for page in pages}) == len(pages)
    listed = links(read("docs/adr/README.md"))
    for page in pages:
        title, *parts = headings(page.read_text(encoding="utf-8"))
        assert title.startswith(f"{page.name[:4]}. ")
        assert parts == ["Context", "Decision", "Consequences"], page.name
        assert page.name in listed
