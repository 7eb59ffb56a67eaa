"""What the stores of batch jobs have in common."""

from typing import Any, Final

import msgspec

from ..domain.batches import BatchSpec
from ..domain.days import to_text

MAX_ERRORS: Final = 100
"""How many of the items that failed are told with a job; a page of results tells all."""

decode_spec = msgspec.json.Decoder(BatchSpec).decode


def batch_entry(batch_id: str, spec: BatchSpec, status: str | None, body: str | bytes | None) -> dict[str, Any]:
    """Return what is kept of a student in a job, as plain values."""
    return {
        "batch_id": batch_id,
        "kind": spec.kind.value,
        "created_at": to_text(spec.created_us),
        "status": status or "pending",
        "content": None if body is None else msgspec.json.decode(body),
    }
