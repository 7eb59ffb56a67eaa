"""Fitted models as files of ``DATA_DIR``: each is written once, whole, under its id."""

import os
import re
import tempfile
from pathlib import Path

FOLDER = "models"
_SUFFIX = ".model.json.gz"
_MODEL_ID = re.compile(r"[0-9a-f]{32}")


class ModelFiles:
    """The directory of models; reports lie beside them under the same id."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER

    def ids(self) -> list[str]:
        """Return the ids of all models, the newest first."""
        found = [
            (path.stat().st_mtime_ns, path.name.removesuffix(_SUFFIX))
            for path in self._folder.glob(f"*{_SUFFIX}")
            if _MODEL_ID.fullmatch(path.name.removesuffix(_SUFFIX))
        ]
        return [model_id for _, model_id in sorted(found, reverse=True)]

    def read(self, model_id: str) -> bytes | None:
        """Return the bytes of a model, None where there is none of this id."""
        if not _MODEL_ID.fullmatch(model_id):
            return None
        try:
            return self.path(model_id).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, model_id: str, data: bytes) -> Path:
        """Write a model, readable for its owner only, and return where; it becomes the newest."""
        return self._write(self.path(model_id), data)

    def write_report(self, model_id: str, suffix: str, data: bytes) -> Path:
        """Write a part of the report on a model, named by its suffix, and return where."""
        return self._write(self._folder / f"{model_id}.report{suffix}", data)

    def read_report(self, model_id: str, suffix: str) -> bytes | None:
        """Return a part of the report on a model, None where it was not written."""
        try:
            return (self._folder / f"{model_id}.report{suffix}").read_bytes()
        except FileNotFoundError:
            return None

    def path(self, model_id: str) -> Path:
        """Return where a model lies."""
        return self._folder / f"{model_id}{_SUFFIX}"

    def _write(self, path: Path, data: bytes) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
        return path
