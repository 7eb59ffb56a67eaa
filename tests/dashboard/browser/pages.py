"""Every page that there is, by who looks at it: what is looked at by axe, at three widths, and kept as pictures."""

from collections.abc import Mapping

STUDENT, NEWCOMER, TEACHER, ADMIN = "student-002", "newcomer", "teacher-001", "admin-001"
CLASS, EMPTY_CLASS = "demo", "empty"
WIDTHS = (360, 768, 1440)

_MINE = f"/dashboard/students/{STUDENT}"
_NEW = f"/dashboard/students/{NEWCOMER}"
_CLASS = f"/dashboard/classes/{CLASS}"
_SERVICE = "/dashboard/admin"
_EMPTY = f"/dashboard/classes/{EMPTY_CLASS}"

PAGES: Mapping[str, Mapping[str, str]] = {
    "": {"sign-in": "/dashboard/sign-in"},
    STUDENT: {
        "student-overview": _MINE,
        "student-explanation": f"{_MINE}/explanation",
        "student-history": f"{_MINE}/history?span=quarter",
        "student-next": f"{_MINE}/next",
        "student-map": f"{_MINE}/map",
        "student-topic": f"{_MINE}/topics/strings",
        "forbidden": "/dashboard/classes",
    },
    NEWCOMER: {
        "newcomer-overview": _NEW,
        "newcomer-explanation": f"{_NEW}/explanation",
        "newcomer-history": f"{_NEW}/history",
        "newcomer-next": f"{_NEW}/next",
        "newcomer-map": f"{_NEW}/map",
        "newcomer-topic": f"{_NEW}/topics/variables",
    },
    TEACHER: {
        "teacher-classes": "/dashboard/classes",
        "class-now": _CLASS,
        "class-heat-map": f"{_CLASS}/heat-map",
        "class-table": f"{_CLASS}/table?sort=-score",
        "class-compare": f"{_CLASS}/compare",
        "class-thresholds": f"{_CLASS}/thresholds?needs_help_below=0.75&open_struggles=3",
        "class-student": "/dashboard/students/student-003",
        "empty-now": _EMPTY,
        "empty-heat-map": f"{_EMPTY}/heat-map",
        "empty-compare": f"{_CLASS}/compare?with={EMPTY_CLASS}",
        "not-found": "/dashboard/nothing-here",
    },
    ADMIN: {
        "admin-classes": "/dashboard/classes",
        "service-overview": _SERVICE,
        "service-dead-letters": f"{_SERVICE}/dead-letters",
        "service-personal-data": f"{_SERVICE}/personal-data",
        "service-student": f"{_SERVICE}/personal-data/{STUDENT}",
        "service-audit": f"{_SERVICE}/audit",
        "service-audit-wrong": f"{_SERVICE}/audit?from=yesterday",
        "service-jobs": f"{_SERVICE}/jobs",
        "service-classes": f"{_SERVICE}/classes",
        "service-class": f"{_SERVICE}/classes/{CLASS}",
        "service-curriculum": f"{_SERVICE}/curriculum",
        "service-topic": f"{_SERVICE}/curriculum/loops",
    },
}
"""Who is signed in, nobody being the empty name; then pages by the name of their picture."""

KEPT = frozenset(
    {
        "sign-in",
        "student-overview",
        "student-explanation",
        "student-history",
        "student-next",
        "student-map",
        "student-topic",
        "newcomer-overview",
        "teacher-classes",
        "class-now",
        "class-heat-map",
        "class-table",
        "class-compare",
        "class-thresholds",
        "class-student",
        "not-found",
    }
)
"""The pages whose pictures are in ``docs/screenshots``; the others show the same empty states."""
