"""Section 8: what of the image can be shown without building one."""

import pytest

from tests.processes import ROOT

from .asking import shell

IMPORTED = """python -c "import src.main; print('Import OK')" """


@pytest.mark.guide("8", IMPORTED.strip(), "Container crashes on start")
def test_the_application_is_imported_without_any_environment() -> None:
    done = shell(f'env -i PATH="$PATH" {IMPORTED}')
    assert (done.returncode, done.stdout) == (0, "Import OK\n")


@pytest.mark.guide("8", "pip install -r requirements.txt --dry-run", "Dependency issues in container", "Build fails")
@pytest.mark.guide("8", "Check for platform-specific dependencies", "Some packages need system libraries")
def test_the_requirements_can_be_installed() -> None:
    done = shell("pip install -r requirements.txt --dry-run")
    assert done.returncode == 0, done.stderr


@pytest.mark.guide("8", "Common fix: Ensure requirements.txt is in build context", '"No such file or directory" errors')
def test_the_requirements_are_in_the_repository() -> None:
    assert (ROOT / "requirements.txt").is_file()
