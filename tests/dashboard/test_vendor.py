"""What comes from others is what its packages hold, and says whose it is."""

import json
from hashlib import sha256

import pytest

from src.dashboard import assets
from tests.architecture.markdown import ROOT

FOLDER = ROOT / "src/dashboard/static/vendor"
PACKAGES = json.loads((FOLDER / "vendor.json").read_text(encoding="utf-8"))


def test_every_file_of_others_is_listed_with_its_package_version_licence_and_integrity() -> None:
    listed = {name for package in PACKAGES for name in package["files"]}
    assert listed | {"vendor.json"} == {path.name for path in FOLDER.iterdir()}
    for package in PACKAGES:
        assert package["integrity"].startswith("sha512-")
        assert any(name.endswith(".LICENSE") for name in package["files"])
        assert package["licence"] in {"0BSD", "OFL-1.1", "ISC", "MIT"}


def test_every_file_is_the_one_that_was_taken() -> None:
    for package in PACKAGES:
        for name, digest in package["sha256"].items():
            assert sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name


def test_a_file_that_is_not_there_cannot_be_named() -> None:
    with pytest.raises(KeyError):
        assets.address("none.js")
