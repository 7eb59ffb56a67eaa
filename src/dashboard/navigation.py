"""Where one can go, by who one is. A page for a role gets its link here."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from ..security import Principal, Role, is_student_id
from .words import N_

HOME = "/dashboard"


@dataclass(frozen=True, slots=True)
class Link:
    """A place to go to; ``label`` is a text of the catalogue."""

    label: str
    href: str
    icon: str
    current: bool = False


STUDENT_PAGES = (
    (N_("Where I stand"), "", "compass"),
    (N_("How it came about"), "/explanation", "layers"),
    (N_("My history"), "/history", "chart"),
    (N_("What next"), "/next", "spark"),
    (N_("My map"), "/map", "map"),
)
"""The pages of a student, as the student sees them named: label, end of the address, icon."""

STAFF_STUDENT_PAGES = (
    (N_("Overview"), "", "compass"),
    (N_("How it came about"), "/explanation", "layers"),
    (N_("History"), "/history", "chart"),
    (N_("What next"), "/next", "spark"),
    (N_("Map"), "/map", "map"),
)
"""The same, as those see them named who look at somebody else."""

CLASS_PAGES = (
    (N_("Now"), "", "pulse"),
    (N_("Heat map"), "/heat-map", "grid"),
    (N_("Table"), "/table", "list"),
    (N_("Compare"), "/compare", "scales"),
    (N_("Thresholds"), "/thresholds", "sliders"),
)

STAFF_PAGES = ((N_("Classes"), f"{HOME}/classes", "people"),)
"""What teachers and admins find in the head of every page."""

ADMIN = f"{HOME}/admin"
ADMIN_PAGES = (
    (N_("Overview"), "", "gauge"),
    (N_("Dead letters"), "/dead-letters", "inbox"),
    (N_("Personal data"), "/personal-data", "shield"),
    (N_("Audit trail"), "/audit", "search"),
    (N_("Jobs"), "/jobs", "repeat"),
    (N_("Class lists"), "/classes", "people"),
    (N_("Curriculum"), "/curriculum", "book"),
)
"""The pages of administrators; in the head of every page there is one link to them."""


def home_of(who: Principal) -> str | None:
    """Return the first page of somebody, None for who has none."""
    if who.has(Role.ADMIN, Role.TEACHER):
        return f"{HOME}/classes"
    return student_address(who.user_id) if _has_pages(who) else None


def student_address(student_id: str) -> str:
    """Return where the pages of a student begin."""
    return f"{HOME}/students/{quote(student_id)}"


def class_address(cohort_id: str) -> str:
    """Return where the pages of a class begin."""
    return f"{HOME}/classes/{quote(cohort_id)}"


def main_links(who: Principal | None, path: str) -> tuple[Link, ...]:
    """Return what is in the head of every page."""
    return () if who is None else tuple(_main_links(who, path))


def tabs(pages: tuple[tuple[str, str, str], ...], base: str, path: str) -> tuple[Link, ...]:
    """Return the pages about one thing, beginning with its address."""
    return tuple(Link(label, base + end, icon, path == base + end) for label, end, icon in pages)


def admin_links(path: str) -> tuple[Link, ...]:
    """Return the pages of administrators; one is current with all that is below it."""
    return tuple(
        Link(label, ADMIN + end, icon, path == ADMIN + end or (bool(end) and path.startswith(f"{ADMIN}{end}/")))
        for label, end, icon in ADMIN_PAGES
    )


def _main_links(who: Principal, path: str) -> Iterator[Link]:
    if who.has(Role.ADMIN, Role.TEACHER):
        yield from (Link(label, href, icon, path.startswith(href)) for label, href, icon in STAFF_PAGES)
    if who.has(Role.ADMIN):
        yield Link(N_("Service"), ADMIN, "gauge", path.startswith(ADMIN))
    if _has_pages(who):
        yield from tabs(STUDENT_PAGES, student_address(who.user_id), path)


def _has_pages(who: Principal) -> bool:
    return who.has(Role.STUDENT) and is_student_id(who.user_id)
