"""Everything that can go wrong and be told, in one tree.

MasteryError
├── ConfigurationError      a setting is missing or wrong: the process does not start
├── InstanceChanged         the store is another instance than it was a moment ago
├── Superseded              another consumer has done the same work
├── ModelInvalid            bytes are not a fitted model, or one of another version
├── CommandFailed           a command could not do its work: exit code 1
├── DeliveryFailed          a target has not taken a notice
└── Refused                 a request is answered with a problem
    ├── BadRequest              400, with the fields
    │   └── InvalidJSON
    ├── Unauthorized            401
    ├── Forbidden               403
    ├── NotFound                404
    ├── Conflict                409
    ├── TimedOut                408
    ├── PreconditionFailed      412
    ├── TooLarge                413
    ├── UnsupportedMediaType    415
    ├── TargetTooLong           414
    ├── TooManyRequests         429
    │   └── TooManyStreams
    ├── HeadersTooLarge         431
    ├── TooBusy                 503
    ├── TookTooLong             503
    ├── StoreUnavailable        503
    ├── ModelUnavailable        503
    ├── AuditUnavailable        503
    ├── KeysUnavailable         503
    ├── BrokerUnavailable       503
    ├── SidecarUnavailable      503
    ├── ConsumerUnavailable     503
    └── Leaving                 503
"""

from collections.abc import Iterable
from typing import ClassVar, NamedTuple


class Reason(NamedTuple):
    """Why a field was not accepted; an empty field means the whole. Never holds the value."""

    field: str
    reason: str


class MasteryError(Exception):
    """The root of all errors of this service."""


class ConfigurationError(MasteryError):
    """A setting is missing or wrong."""

    def __init__(self, reasons: Iterable[Reason]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(f"{name} {reason}" for name, reason in self.reasons))


class InstanceChanged(MasteryError):
    """The store is another instance, or was restarted: what was read from it may be gone."""


class Superseded(MasteryError):
    """Another consumer has moved on with the same partition."""


class ModelInvalid(MasteryError):
    """Bytes that are said to be a fitted model are none; the text goes on after the name of the model."""


class CommandFailed(MasteryError):
    """A command could not do its work; the text tells the user why."""


class DeliveryFailed(MasteryError):
    """A target has not taken a notice; the text tells why, in our words."""


class Refused(MasteryError):
    """A request that is answered with a problem document."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, reasons: Iterable[Reason] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reasons = tuple(reasons)


class BadRequest(Refused):
    """The request is malformed or invalid."""

    status, code, title = 400, "invalid", "The request is not valid"


class InvalidJSON(BadRequest):
    """The content is not JSON as the service reads it."""

    code, title = "invalid-json", "The content is not valid JSON"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The content cannot be read: {reason}.", [Reason("", reason)])


class Unauthorized(Refused):
    """Who asks is not known."""

    status, code, title = 401, "unauthorized", "A valid token is required"


class Forbidden(Refused):
    """Who asks may not do this."""

    status, code, title = 403, "forbidden", "Not permitted"


class NotFound(Refused):
    """There is no such thing."""

    status, code, title = 404, "not-found", "Not found"


class TimedOut(Refused):
    """The request did not arrive in time."""

    status, code, title = 408, "request-timeout", "The request took too long to arrive"


class Conflict(Refused):
    """The request contradicts what is stored."""

    status, code, title = 409, "conflict", "Conflict"


class PreconditionFailed(Refused):
    """What is to be changed is not as the request says that it is."""

    status, code, title = 412, "precondition-failed", "Changed meanwhile"


class TooLarge(Refused):
    """The content is larger than is read."""

    status, code, title = 413, "content-too-large", "The content is too large"


class UnsupportedMediaType(Refused):
    """The content is of a type that is not understood."""

    status, code, title = 415, "unsupported-media-type", "The content type is not understood"


class TargetTooLong(Refused):
    """The target of the request is longer than is read."""

    status, code, title = 414, "target-too-long", "The address is too long"


class HeadersTooLarge(Refused):
    """There are more headers than are read."""

    status, code, title = 431, "headers-too-large", "The headers are too large"


class TooBusy(Refused):
    """More is being done than can be done at once."""

    status, code, title = 503, "too-busy", "The service is busy"


class TookTooLong(Refused):
    """The answer was not there in time."""

    status, code, title = 503, "timeout", "The answer took too long"


class TooManyRequests(Refused):
    """Who asks has asked more often than the limits allow."""

    status, code, title = 429, "too-many-requests", "Too many requests"


class TooManyStreams(TooManyRequests):
    """Who asks listens to as many streams as one may at once."""

    code, title = "too-many-streams", "Too many streams"


class StoreUnavailable(Refused):
    """The store does not answer."""

    status, code, title = 503, "store-unavailable", "The store is away"


class ModelUnavailable(Refused):
    """The model that was activated cannot be used."""

    status, code, title = 503, "model-unavailable", "The active model cannot be used"


class AuditUnavailable(Refused):
    """What was asked for may not stay unrecorded, and the audit trail cannot be written."""

    status, code, title = 503, "audit-unavailable", "The audit trail is away"


class KeysUnavailable(Refused):
    """The keys that tokens are checked with cannot be had."""

    status, code, title = 503, "keys-unavailable", "Tokens cannot be checked"


class BrokerUnavailable(Refused):
    """The message broker does not answer."""

    status, code, title = 503, "broker-unavailable", "The message broker is away"


class SidecarUnavailable(Refused):
    """The Dapr sidecar does not answer, or not as it should."""

    status, code, title = 503, "sidecar-unavailable", "The sidecar is away"


class ConsumerUnavailable(Refused):
    """The consumer of events does not run."""

    status, code, title = 503, "consumer-unavailable", "The consumer is away"


class Leaving(Refused):
    """The process is about to end."""

    status, code, title = 503, "leaving", "This process is about to end"
