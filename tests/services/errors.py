"""What can go wrong with a service.

ServiceError
├── Unavailable     this machine lacks a program that it needs
├── NotReady        it was started, and ended or did not answer in time
└── WrongState      it does not run, or runs already
"""


class ServiceError(Exception):
    """The root of the errors of this package."""


class Unavailable(ServiceError):
    """A program is not on this machine; says which, and how to get it."""

    def __init__(self, what: str, remedy: str = "run scripts/install-services") -> None:
        super().__init__(f"{what}: {remedy}")


class NotReady(ServiceError):
    """A server was started and did not come to answer; says what it last wrote to its log."""


class WrongState(ServiceError):
    """What was asked for needs the server to run, or not to run."""
