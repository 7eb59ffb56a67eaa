"""The routes of the pages of administrators."""

from fastapi import APIRouter

from . import audit_trail, classes, curriculum, dead_letters, jobs, overview, personal_data

router = APIRouter()

for part in (overview, dead_letters, personal_data, audit_trail, jobs, classes, curriculum):
    router.include_router(part.router)
