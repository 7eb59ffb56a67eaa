"""What happened in a schedule, to be read by a person when it has failed."""


class Trace:
    """Lines, put together only when they are read."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, tuple[object, ...]]] = []

    def say(self, text: str, *details: object) -> None:
        """Add a line; details fill in the text as those of a log record do."""
        self._lines.append((text, details))

    def __len__(self) -> int:
        return len(self._lines)

    def __str__(self) -> str:
        return "\n".join("  " + text % details for text, details in self._lines)
