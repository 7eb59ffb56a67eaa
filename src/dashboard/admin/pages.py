"""The routes of the pages of administrators."""

from fastapi import APIRouter

from . import audit_trail, classes, curriculum, dead_letters, jobs, overview, personal_data

router = APIRouter()

router.include_router(overview.router)
router.include_router(dead_letters.router)
router.include_router(personal_data.router)
router.include_router(audit_trail.router)
router.include_router(jobs.router)
router.include_router(classes.router)
router.include_router(curriculum.router)
