"""Section 3: calls from other agents; what the sidecar itself shows is seen in a cluster."""

import pytest

from src.security import Role, SecurityManager
from tests.processes import SECRET, Service

from .asking import answer, shell

INVALID_TOKEN = """curl -X POST http://<service>/api/v1/process \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer invalid_token" \\
  -d '{"intent": "mastery_calculation", "payload": {"student_id": "test"}}'"""
ASKED = {"intent": "mastery_calculation", "payload": {"student_id": "test"}}


@pytest.mark.guide("3", INVALID_TOKEN, "# Should return 401 Unauthorized", "Security context validation failures")
def test_an_invalid_token_is_answered_with_401(alone: Service) -> None:
    line = INVALID_TOKEN.replace("http://<service>", alone.url).replace("curl", "curl -s -i")
    assert shell(line).stdout.startswith("HTTP/1.1 401 ")


@pytest.mark.guide("3", "500 errors on `/process` endpoints", '"Service invocation failed" errors')
@pytest.mark.guide("Quick Reference", "**Dapr Errors** | 500 on service calls")
@pytest.mark.parametrize("path", ["/process", "/api/v1/process"])
@pytest.mark.parametrize(
    ("content", "status"),
    [(ASKED, 200), ({"intent": "unheard_of"}, 400), ({"intent": "mastery_calculation", "payload": {}}, 400), ([], 400)],
)
def test_whatever_is_asked_a_call_is_answered_and_never_with_500(
    alone: Service, path: str, content: object, status: int
) -> None:
    assert answer(alone, path, content)[0] == status


@pytest.mark.guide("3", "500 errors on `/process` endpoints")
def test_a_call_while_the_store_is_away_is_503_and_says_so(bereft: Service) -> None:
    status, problem = answer(bereft, "/process", ASKED)
    assert (status, problem["title"]) == (503, "The store is away")


@pytest.mark.guide("3", "Verify JWT secret matches between services", "Must be consistent across all microservices")
@pytest.mark.guide("3", "Check environment variable: JWT_SECRET", "**Solution**: Check security.py:")
@pytest.mark.guide("6", "JWT validation failures", "401 Unauthorized errors")
def test_a_token_made_with_another_secret_is_told_apart_from_one_that_is_too_old(alone: Service) -> None:
    other = SecurityManager("another-secret-of-the-tests-with-enough-bytes").issue_jwt("agent", [Role.SERVICE], 60)
    old = SecurityManager(SECRET).issue_jwt("agent", [Role.SERVICE], -3600)
    for token, why in ((other, "signature is not valid"), (old, "it has expired")):
        status, problem = answer(alone, "/process", ASKED, token=token)
        assert (status, why in problem["detail"]) == (401, True), problem
