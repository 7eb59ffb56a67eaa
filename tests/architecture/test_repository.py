"""Rules that every file of the repository keeps."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .markdown import ROOT, read

MODULES = sorted((ROOT / "src").rglob("*.py"))
SOURCES = [path for path in sorted((ROOT / "src").rglob("*")) if path.suffix in {".py", ".lua", ".sql"}]

# The brackets keep these patterns from finding themselves.
MACHINE_PATHS = re.compile(r"(?<![\w.~*-])(?:[/](?:home|Users|root|mnt|workspace|work)/[\w.]|[A-Z]:\\\w)")
REGISTRIES = [
    re.compile(r"(?<![\w-])-[-](?:extra-)?index-url|(?<![\w-])-[-](?:find-links|trusted-host|registry)\b"),
    re.compile(r"^\s*(?:extra[-_])?index[-_]url\s*=|PIP_[I]NDEX_URL|GO[P]ROXY=|registry\s*=\s*\W?http", re.MULTILINE),
    re.compile(r"https?://[^\s\"'<>)]+[/]simple\b"),
]
BLOCKING = re.compile(
    r"""['"](?:KEYS|FLUSH\w*)\b|call\(\s*['"](?i:keys|flush)|\.flush(?:all|db)\(|(?:client|pipeline|redis)\.keys\("""
)
LOCK_FILES = ["requirements.txt", "requirements-dev.txt"]

STATELESS = {
    # What may stand in a module beside constants, types, functions and classes.
    "app": "the application, for servers that want one to import",
    "router": "a list of routes",
    "_log": "a logger",
    "_audit": "a logger",
    "correlation_id": "a context variable: each request has its own",
    "trace_parent": "likewise",
    "json_option": "a decorator",
    "day_option": "a type of parameter",
}


def text_files() -> Iterator[Path]:
    """Yield the text files that are tracked, or would be."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout knows which files are tracked")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607  # whichever git there is
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and b"\0" not in path.read_bytes():
            yield path


def found(pattern: re.Pattern[str], paths: Iterator[Path] | list[Path]) -> list[str]:
    """Return where a pattern is found, as file and line."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    assert not found(MACHINE_PATHS, text_files())


@pytest.mark.parametrize("pattern", REGISTRIES, ids=["option", "setting", "address"])
def test_no_file_names_a_package_registry(pattern: re.Pattern[str]) -> None:
    assert not found(pattern, text_files())


@pytest.mark.parametrize("name", LOCK_FILES)
def test_a_lock_file_holds_no_address_and_no_option(name: str) -> None:
    assert "://" not in read(name)
    assert not re.search(r"^\s*-(?!-hash=sha256:[0-9a-f]{64})", read(name), re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Return the pinned version of every package of a lock file, each with at least one hash."""
    pinned: dict[str, str] = {}
    for entry in re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", read(name), flags=re.MULTILINE)).splitlines():
        if entry.strip():
            requirement, *hashes = entry.split(" --hash=")
            assert hashes, entry
            parsed = Requirement(requirement.strip())
            [specifier] = parsed.specifier
            assert specifier.operator == "==", entry
            pinned[canonicalize_name(parsed.name)] = specifier.version
    return pinned


def required(*extras: str) -> list[Requirement]:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    texts = [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize(("name", "extras"), [("requirements.txt", []), ("requirements-dev.txt", ["dev", "traces"])])
def test_a_lock_file_pins_what_the_project_requires(name: str, extras: list[str]) -> None:
    pinned = pins(name)
    for requirement in required(*extras):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {name}"
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"


def test_development_runs_what_production_runs() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_a_decision_is_written_down_for_every_dependency() -> None:
    decision = read("docs/adr/0012-dependencies.md")
    assert {requirement.name for requirement in required("dev") if f"`{requirement.name}`" not in decision} == set()


def test_no_command_blocks_redis_or_empties_it() -> None:
    assert not found(BLOCKING, SOURCES)


def test_only_the_settings_read_the_environment() -> None:
    others = [path for path in MODULES if path != ROOT / "src/config.py"]
    assert not found(re.compile(r"\benviron\b|\bgetenv\b|\bexpandvars\b"), others)


def test_the_middleware_is_pure_asgi() -> None:
    assert not found(re.compile("BaseHTTPMiddleware"), MODULES)


def assigned(statement: ast.stmt) -> list[str]:
    """Return the names that a statement of a module assigns to."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)]


def is_stateless(statement: ast.stmt, name: str) -> bool:
    """Tell whether a name of a module is a constant, a type, a bound method of one, or known to hold no state."""
    constant = re.fullmatch(r"_?[A-Z][A-Z0-9_]*|__\w+__", name)
    type_name = re.fullmatch(r"_?[A-Z]\w*", name)
    method = isinstance(getattr(statement, "value", None), ast.Attribute)
    return bool(constant or type_name or method or name in STATELESS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_holds_no_state(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [(name, statement) for statement in tree.body for name in assigned(statement)]
    assert [name for name, statement in names if not is_stateless(statement, name)] == []
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)]


SQL = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|WHERE|ORDER BY|PRAGMA|redis\.call)\b")
PUT_TOGETHER = {
    # What may stand in a statement beside its text.
    "where": "one of the conditions of the same module",
    "sql": "a statement that is itself one of these",
    "places": "question marks",
    "person.part": "one of two words of ours, by its type",
    "len(scripts)": "a number of ours",
    "table": "one of the tables, which are constants",
}


@pytest.mark.parametrize("path", sorted((ROOT / "src/adapters").glob("*.py")), ids=lambda path: path.name)
def test_scripts_and_statements_are_not_put_together_from_values(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and SQL.search(ast.unparse(node)):
            parts = {ast.unparse(part.value) for part in node.values if isinstance(part, ast.FormattedValue)}
            others = {part for part in parts if not re.fullmatch(r"_[A-Z_]+", part)}  # constants
            assert others <= set(PUT_TOGETHER), ast.unparse(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "eval":
            assert ast.unparse(node.args[0]).startswith("_script("), ast.unparse(node)


def test_nothing_is_decided_by_the_address_that_a_request_claims() -> None:
    assert not found(re.compile(r"request\.(?:url|base_url)\b|\burl_for\("), MODULES)


def test_seals_and_signatures_are_compared_in_constant_time() -> None:
    secret = re.compile(r"mac\b|signature|secret|digest\(")
    for path in (ROOT / "src").glob("*.py"):  # the adapters know no key, what they compare is what they were given
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                assert not secret.search(ast.unparse(node)), f"{path.name}: {ast.unparse(node)}"
