"""Who may read whom: a student what is their own, a teacher the students of their cohorts, an admin all.

Roles come from the token; who teaches whom comes from the store, at each request, and from nowhere else.
"""

import hmac

from .errors import Forbidden
from .ports import Teaching
from .security import Principal, Role


class Rights:
    """Decides over reading. A refusal says the same, after the same work, whether what was asked for exists or not."""

    def __init__(self, teaching: Teaching) -> None:
        self._teaching = teaching

    def check_owner(self, who: Principal, student_id: str) -> None:
        """Let pass who may have everything stored about a student, them and an admin; raises ``Forbidden``."""
        if not (who.has(Role.ADMIN) or (who.has(Role.STUDENT) and hmac.compare_digest(who.user_id, student_id))):
            detail = "You may not read this student."
            raise Forbidden(detail)

    async def check_student(self, who: Principal, student_id: str) -> None:
        """Let pass who may read a student; raises ``Forbidden``."""
        if who.has(Role.ADMIN) or (who.has(Role.STUDENT) and hmac.compare_digest(who.user_id, student_id)):
            return
        if who.has(Role.TEACHER) and await self._teaching.teaches(who.user_id, student_id):
            return
        detail = "You may not read this student."
        raise Forbidden(detail)

    async def check_cohort(self, who: Principal, cohort_id: str) -> None:
        """Let pass who may read a cohort: its teachers, and an admin; raises ``Forbidden``."""
        if who.has(Role.ADMIN):
            return
        if who.has(Role.TEACHER) and await self._teaching.teaches_cohort(who.user_id, cohort_id):
            return
        detail = "You may not read this cohort."
        raise Forbidden(detail)
