"""Section 6: tokens, roles, and the audit trail."""

import json
import time
from pathlib import Path

import jwt
import pytest

from src import security
from src.security import Role, SecurityManager
from tests.processes import SECRET, Service

from .asking import answer, shell

CHECK = """python -c "
import jwt
from src.security import SecurityManager
sm = SecurityManager(jwt_secret='your-secret')
try:
    decoded = sm.validate_jwt('your-token')
    print('Valid:', decoded)
except Exception as e:
    print('Invalid:', e)
"
"""
PAYLOAD = '{"user_id": "123", "roles": ["student"], "exp": 1234567890}'


@pytest.mark.guide("6", CHECK)
def test_the_check_of_the_guide_tells_a_bad_token() -> None:
    assert shell(CHECK).stdout.startswith("Invalid: The token is not accepted")


@pytest.mark.guide("6", CHECK, "Verify roles in JWT payload:", PAYLOAD)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_the_check_of_the_guide_tells_a_good_token_with_the_payload_of_the_guide() -> None:
    claims = json.loads(PAYLOAD) | {"exp": int(time.time()) + 60}
    token = jwt.encode(claims, "your-secret", "HS256")
    shown = shell(CHECK.replace("your-token", token)).stdout
    assert shown.startswith("Valid: ")
    assert "123" in shown


@pytest.mark.guide("6", 'grep "AUDIT"', "403 Forbidden errors", "Role-based access denial")
@pytest.mark.guide(
    "Quick Reference", "**Auth Failures** | 401/403 responses | Validate JWT secret, check role assignments"
)
def test_a_denial_is_in_the_audit_log(alone: Service) -> None:
    student = SecurityManager(SECRET).issue_jwt("student-9", [Role.STUDENT], 60)
    assert answer(alone, "/api/v1/students/another/mastery", token=student)[0] == 403
    line = alone.wait_for('"status":403')
    assert "AUDIT access denied" in line
    assert json.loads(line)["roles"] == "student"


@pytest.mark.guide("6", "Ensure JWT_SECRET is consistent across services echo $JWT_SECRET", "Should match between:")
@pytest.mark.guide("6", "- mastery-engine deployment", "- any service generating JWTs", "- any service validating JWTs")
def test_the_secret_is_what_the_environment_of_every_side_says(alone: Service) -> None:
    shown = shell("echo $JWT_SECRET").stdout.strip()
    token = SecurityManager(shown).issue_jwt("student-9", [Role.STUDENT], 60)
    assert answer(alone, "/api/v1/students/student-9/mastery", token=token)[0] == 200


@pytest.mark.guide("6", "Role hierarchy:", "- admin: full access", "- student: own data only")
@pytest.mark.guide("6", "- teacher: cohort access, student-specific access")
@pytest.mark.parametrize(
    ("role", "who", "path", "status"),
    [
        (Role.ADMIN, "root", "/api/v1/students/pupil/mastery", 200),
        (Role.TEACHER, "teacher-1", "/api/v1/students/pupil/mastery", 200),
        (Role.TEACHER, "teacher-1", "/api/v1/cohorts/of-the-guide", 200),
        (Role.TEACHER, "teacher-2", "/api/v1/students/pupil/mastery", 403),
        (Role.STUDENT, "pupil", "/api/v1/students/pupil/mastery", 200),
        (Role.STUDENT, "another", "/api/v1/students/pupil/mastery", 403),
    ],
)
def test_who_may_read_whom(alone: Service, role: Role, who: str, path: str, status: int) -> None:
    admin = SecurityManager(SECRET).issue_jwt("root", [Role.ADMIN], 60)
    content = '{"name": "Guide", "teachers": ["teacher-1"], "students": ["pupil"]}'
    made = shell(
        f"curl -s -o /dev/null -X PUT {alone.url}/api/v1/cohorts/of-the-guide -H 'Authorization: Bearer {admin}' "
        f"-H 'Content-Type: application/json' -d '{content}'"
    )
    assert made.returncode == 0
    token = SecurityManager(SECRET).issue_jwt(who, [role], 60)
    assert answer(alone, path, token=token)[0] == status


@pytest.mark.guide("6", "**Solution**: Check sanitization rules in security.py")
@pytest.mark.guide("6", "**Test**: Use `/ready` endpoint to verify sanitization isn't too aggressive")
def test_ready_proves_that_legitimate_input_passes(alone: Service) -> None:
    assert Path(security.__file__).name == "security.py"
    assert answer(alone, "/ready")[1]["checks"]["sanitisation"]["status"] == "ok"
