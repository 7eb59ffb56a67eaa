"""What there is to learn: topics with their skills and prerequisites, in the order of the modules."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class CurriculumTopic:
    """A unit of the curriculum; ``prerequisites`` are the topics that come before it."""

    topic: str
    title: str
    module: str
    skills: tuple[str, ...]
    prerequisites: tuple[str, ...]


@dataclass(frozen=True)
class Curriculum:
    """Topics in the order in which they are taught; valid where ``flaws`` yields nothing."""

    topics: tuple[CurriculumTopic, ...]

    @cached_property
    def by_name(self) -> Mapping[str, CurriculumTopic]:
        """Return the topics by their name."""
        return {topic.topic: topic for topic in self.topics}

    @cached_property
    def dependants(self) -> Mapping[str, tuple[str, ...]]:
        """Return by topic the topics that have it as a prerequisite, in their order."""
        found: dict[str, list[str]] = {name: [] for name in self.by_name}
        for topic in self.topics:
            for name in topic.prerequisites:
                found[name].append(topic.topic)
        return {name: tuple(names) for name, names in found.items()}

    def way_to(self, target: str) -> list[CurriculumTopic]:
        """Return everything that leads to a topic and the topic itself, each after what it builds on.

        Raises ``KeyError`` for a topic that the curriculum does not have.
        """
        needed, open_names = set(), [target]
        while open_names:
            name = open_names.pop()
            if name not in needed:
                needed.add(name)
                open_names += self.by_name[name].prerequisites
        return [topic for topic in self._in_teaching_order if topic.topic in needed]

    @cached_property
    def _in_teaching_order(self) -> list[CurriculumTopic]:
        """Return the topics with prerequisites first, and otherwise as they are listed."""
        placed: dict[str, CurriculumTopic] = {}
        for topic in self.topics:
            open_topics = [topic]
            while open_topics:
                waiting = [self.by_name[name] for name in open_topics[-1].prerequisites if name not in placed]
                if waiting:
                    open_topics += reversed(waiting)
                else:
                    done = open_topics.pop()
                    placed.setdefault(done.topic, done)
        return list(placed.values())


def flaws(topics: Iterable[CurriculumTopic]) -> Iterator[tuple[int, str, str]]:
    """Yield (position of the topic, field, reason) for every rule that a curriculum breaks.

    Rules: names are unique, prerequisites exist and are named once, and nothing leads back to itself.
    """
    listed = list(topics)
    names = [topic.topic for topic in listed]
    for place, topic in enumerate(listed):
        if topic.topic in names[:place]:
            yield place, "topic", "names a topic that was given before"
        if len(set(topic.prerequisites)) < len(topic.prerequisites):
            yield place, "prerequisites", "names a topic twice"
        if not set(topic.prerequisites) <= set(names):
            yield place, "prerequisites", "names a topic that the curriculum does not have"
    yield from ((place, "prerequisites", "leads back to the topic itself") for place in _circular(listed))


def _circular(topics: list[CurriculumTopic]) -> list[int]:
    """Return the positions of topics that are among what leads to them."""
    before = {topic.topic: set(topic.prerequisites) for topic in topics}
    # What needs nothing that is left over cannot lie on a circle; when nothing more goes, only circles, and what builds
    # on them, are left. The second pass, from the other end, leaves the circles alone.
    _peel(before)
    after: dict[str, set[str]] = {name: {other for other in before if name in before[other]} for name in before}
    _peel(after)
    return [place for place, topic in enumerate(topics) if topic.topic in after]


def _peel(edges: dict[str, set[str]]) -> None:
    while ends := [name for name, others in edges.items() if not others & edges.keys()]:
        for name in ends:
            del edges[name]


def _module(title: str, *topics: tuple[str, str, str, str]) -> Iterator[CurriculumTopic]:
    for name, heading, skills, prerequisites in topics:
        yield CurriculumTopic(
            name, heading, title, tuple(f"{name}.{skill}" for skill in skills.split()), tuple(prerequisites.split())
        )


DEFAULT = Curriculum(
    (
        *_module(
            "Basics",
            ("variables", "Variables and assignment", "naming assignment reassignment", ""),
            ("numbers", "Numbers and arithmetic", "integers floats operators precedence", "variables"),
            ("strings", "Strings", "literals indexing slicing methods formatting", "variables"),
            ("input-output", "Input and output", "print input conversion", "numbers strings"),
        ),
        *_module(
            "Control flow",
            ("booleans", "Truth and comparison", "comparison logic truthiness", "numbers"),
            ("conditionals", "Conditions", "if elif else nesting", "booleans"),
            ("loops", "Loops", "for while range break-continue", "conditionals"),
            ("iteration-patterns", "Patterns of iteration", "accumulate search nested-loops enumerate-zip", "loops"),
        ),
        *_module(
            "Data structures",
            ("lists", "Lists", "indexing slicing methods mutation", "strings loops"),
            ("tuples-sets", "Tuples and sets", "tuples unpacking sets membership", "lists"),
            ("dictionaries", "Dictionaries", "lookup update iteration counting", "lists"),
            ("comprehensions", "Comprehensions", "list-comprehension filter dict-comprehension", "dictionaries"),
        ),
        *_module(
            "Functions",
            ("functions", "Functions", "definition parameters return-values", "conditionals lists"),
            ("scope", "Scope and arguments", "local-global defaults keyword-arguments", "functions"),
            ("recursion", "Recursion", "base-case recursive-step call-stack", "scope"),
            ("higher-order", "Functions as values", "lambda map-filter sorting-keys closures", "scope comprehensions"),
        ),
        *_module(
            "Object orientation",
            ("classes", "Classes and objects", "definition attributes init", "scope dictionaries"),
            ("methods", "Methods", "self state special-methods", "classes"),
            ("inheritance", "Inheritance", "subclass override super", "methods"),
            ("composition", "Composition and dataclasses", "composition dataclasses interfaces", "methods"),
        ),
        *_module(
            "Files",
            ("files", "Text files", "open read write with", "functions strings"),
            ("paths", "Paths and directories", "pathlib relative-absolute listing", "files"),
            ("data-formats", "Data formats", "csv json encoding", "files dictionaries"),
        ),
        *_module(
            "Errors",
            ("tracebacks", "Reading tracebacks", "error-types stack locating", "functions"),
            ("exceptions", "Handling exceptions", "try-except finally specific-types", "tracebacks"),
            ("raising", "Raising and designing errors", "raise custom-exceptions assertions", "exceptions classes"),
            ("debugging", "Debugging", "print-debugging debugger hypotheses", "tracebacks loops"),
        ),
        *_module(
            "Libraries",
            ("modules", "Modules and imports", "import namespaces own-modules", "functions"),
            ("standard-library", "The standard library", "datetime random collections documentation", "modules"),
            ("packages", "Packages and environments", "pip virtual-environments versions", "modules paths"),
            ("testing", "Testing", "assertions pytest test-cases", "modules exceptions"),
        ),
    )
)
"""The eight modules of LearnFlow's course in Python."""
