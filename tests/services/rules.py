"""The rules of this machine's network: kept, and put back as they were."""

import subprocess

_TABLES = ("filter", "nat", "mangle")


def kept_rules() -> str:
    """Return all rules."""
    return _run("iptables-save")


def put_back(rules: str) -> None:
    """Have these rules and no others, in tables that were not there before none."""
    _run("iptables-restore", given=rules)
    for table in _TABLES:
        if f"*{table}\n" not in rules:
            _run("iptables", "--table", table, "--flush")
            _run("iptables", "--table", table, "--delete-chain")


def _run(*command: str, given: str | None = None) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout
