"""Private things in files that are imported, and what the commands print, log and record of them."""

import json
import time
from pathlib import Path

from tests.canaries import EMAIL, NAME, STUDENT_ID
from tests.making import wire

from .conftest import SECRET, Run


def test_nothing_private_of_a_file_is_printed_logged_or_recorded(run: Run, tmp_path: Path, data_dir: Path) -> None:
    for number, canary in enumerate((EMAIL, NAME, STUDENT_ID)):
        now = wire(f"e-{number}", timestamp=int(time.time() * 1000), student_id="student-1")
        records = [
            now | {"name": canary.text, "data": now["data"] | {"comment": canary.text}},
            *(now | {name: canary.text} for name in now if canary is not STUDENT_ID or name != "topic"),
            now | {"data": {canary.text: 1, "total_questions": canary.text}},
            {canary.text: canary.text},
            [canary.text],
        ]
        file = tmp_path / f"{number}.jsonl"
        file.write_text("".join(f"{json.dumps(one)}\n" for one in records) + f'{{"{canary.text}\n', encoding="utf-8")
        table = tmp_path / f"{number}.csv"
        table.write_text(f"event_id,event_type,{canary.text},student_id,timestamp\n{canary.text},x,1,{canary.text},x\n")
        printed = [run("import", file).output, run("import", table, code=1).output]
        printed += [run("audit", "list", "--json").output]
        trail = "".join(path.read_bytes().decode("utf-8", "replace") for path in data_dir.glob("audit.db*"))
        assert " 0 accepted" not in printed[0]
        assert "1 invalid" in printed[1]
        assert "actor" in trail
        for output in (*printed, trail):
            assert canary.found_in(output) is None
            assert SECRET not in output
