"""The examples of docs/mastery-model.md are run, and what they print is compared."""

import doctest
import io
import re

from .markdown import read

DOCUMENT = "docs/mastery-model.md"


def test_the_worked_example_prints_the_numbers_that_the_document_shows() -> None:
    without_fences = re.sub(r"^```.*$", "", read(DOCUMENT), flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(without_fences, {}, DOCUMENT, DOCUMENT, 0)
    told = io.StringIO()
    found = doctest.DocTestRunner().run(test, out=told.write)
    assert found.failed == 0, told.getvalue()
    assert found.attempted == read(DOCUMENT).count("\n>>> ")
