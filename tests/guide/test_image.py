"""Section 8 of the operations guide: its lines for docker as they stand, against the image that the first builds."""

from pathlib import Path

import pytest

from tests.services.image import Image

SECRET = "JWT_SECRET=a-secret-of-the-tests-with-enough-bytes"  # used nowhere else


@pytest.mark.guide(
    "8", "docker build -t mastery-engine:latest . --no-cache --progress=plain", "Check Dockerfile multi-stage build"
)
@pytest.mark.guide("8", "Stage 1: Builder should install all dev dependencies")
def test_the_image_is_built_in_two_stages_with_everything_shown(image: Image) -> None:
    assert "[builder " in image.log
    assert "[runner " in image.log
    assert "naming to docker.io/library/mastery-engine:latest" in image.log
    assert "ERROR" not in image.log


@pytest.mark.guide("8", "docker run -it --rm mastery-engine:latest /bin/sh")
@pytest.mark.guide(
    "8", "Stage 2: Runner should copy only necessary files", "Check .dockerignore isn't excluding critical files"
)
def test_a_container_can_be_run_interactively(image: Image, tmp_path: Path) -> None:
    line = "docker run -it --rm mastery-engine:latest /bin/sh"
    code, seen = image.docker.typed(line, at=tmp_path, keys="id --user; ls src/main.py; exit 7\n")
    assert code == 7
    assert {"10001", "src/main.py"} <= set(seen.split())


@pytest.mark.guide("8", "docker run -it --rm mastery-engine:latest python -c")
def test_the_service_can_be_imported(image: Image, tmp_path: Path) -> None:
    line = "docker run -it --rm mastery-engine:latest python -c \"import src.main; print('Import OK')\""
    assert image.docker.typed(line, at=tmp_path) == (0, "Import OK\r\n")


@pytest.mark.guide("8", "docker run -it --rm --env-file .env mastery-engine:latest env | grep JWT")
def test_settings_of_a_file_reach_the_container(image: Image, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{SECRET}\nLOG_LEVEL=DEBUG\n", encoding="utf-8")
    line = "docker run -it --rm --env-file .env mastery-engine:latest env | grep JWT"
    assert image.docker.typed(line, at=tmp_path) == (0, f"{SECRET}\r\n")


@pytest.mark.guide("8", "docker logs <container_id> --tail=50")
def test_the_log_of_a_running_container_is_shown(image: Image) -> None:
    with image.running() as container:
        container.wait_until_ready()
        shown = container.docker.ask("logs", container.id, "--tail=50")
    assert b"SERVICE started" in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    "line",
    [
        'python -c "import redis; redis.Redis"',
        "curl --version",
        "env | grep LOG_ || true",
        "python -c \"from src.security import SecurityManager; SecurityManager(jwt_secret='your-secret')\"",
    ],
)
def test_what_the_guide_runs_in_a_pod_is_in_the_image(image: Image, line: str) -> None:
    image.run("/bin/sh", "-c", line)
