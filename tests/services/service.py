"""What one can do with any service, be it one process or several."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import ClassVar, Self

from .process import ProcessId


class Service(ABC):
    """Something real that is started and stopped; entering the context starts it, leaving stops it and tidies up."""

    kind: ClassVar[str]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Return the variables that tell the product where it is."""

    @property
    @abstractmethod
    def running(self) -> bool:
        """Tell whether all of it runs; what is frozen does."""

    @property
    @abstractmethod
    def processes(self) -> tuple[ProcessId, ...]:
        """Return the identities of its processes; raises ``WrongState`` when it does not run."""

    @abstractmethod
    def start(self) -> None:
        """Start it, with the data it had, and return when it answers."""

    @abstractmethod
    def stop(self) -> None:
        """End it in order, so that it saves what it has."""

    @abstractmethod
    def kill(self) -> None:
        """End it with SIGKILL, as the loss of its machine would."""

    @abstractmethod
    def freeze(self) -> None:
        """Halt it with SIGSTOP: connections stay open and nothing answers."""

    @abstractmethod
    def thaw(self) -> None:
        """Let it go on."""

    @abstractmethod
    def close(self) -> None:
        """Stop it where it runs; give back its ports, and its directory when that is its own."""

    @abstractmethod
    def detach(self) -> None:
        """Let it run on when we end."""

    def restart(self) -> None:
        """Start it again with its data, after stopping it where it runs."""
        if self.running:
            self.stop()
        self.start()
