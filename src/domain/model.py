"""The configuration of mastery model version 1: method, weights, half-life, and the tables that follow."""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from itertools import combinations

from .events import WINDOW_DAYS
from .evidence import TOPICAL, Component
from .fixed import MICRO, share

VERSION = 1
ONE = 1 << 40
"""The scale of the decay table: a factor of one."""

MIN_HALF_LIFE_DAYS = 5
"""With a shorter one the factors of the oldest days would be too coarse for values exact to the micro-unit."""


class Method(StrEnum):
    """How the evidence of several days becomes one value."""

    DECAYING_AVERAGE = "decaying_average"
    AVERAGE = "average"
    LATEST = "latest"
    HIGHEST = "highest"


DEFAULT_WEIGHTS = {
    Component.COMPLETION: 400_000,
    Component.QUIZ: 300_000,
    Component.QUALITY: 200_000,
    Component.CONSISTENCY: 100_000,
}
"""Component weights in micro-units."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Component weights of the whole or of a topic: in micro-units, and renormalised to fractions.

    ``shown`` renormalises all of them, ``effective`` each set of components that there may be evidence of.
    """

    micro: dict[Component, int]
    total: int = field(init=False)
    shown: dict[Component, float] = field(init=False)
    effective: dict[frozenset[Component], dict[Component, float]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Renormalise for every set of components once."""
        sets = (chosen for size in range(len(self.micro) + 1) for chosen in combinations(self.micro, size))
        effective = {frozenset(chosen): _renormalise({c: self.micro[c] for c in chosen}) for chosen in sets}
        object.__setattr__(self, "total", sum(self.micro.values()))
        object.__setattr__(self, "effective", effective)
        object.__setattr__(self, "shown", effective[frozenset(self.micro)])


@dataclass(frozen=True, slots=True)
class MasteryModel:
    """How mastery is derived; two deployments with the same ``config_id`` derive the same bytes.

    ``weights`` are in micro-units and add up to one; ``half_life_days`` is at least five.
    """

    method: Method = Method.DECAYING_AVERAGE
    weights: dict[Component, int] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    half_life_days: Decimal = Decimal(30)
    decay: tuple[int, ...] = field(init=False, repr=False, compare=False)
    whole: Weights = field(init=False, repr=False, compare=False)
    topic: Weights = field(init=False, repr=False, compare=False)
    config_id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Work out the tables once."""
        if set(self.weights) != set(Component) or sum(self.weights.values()) != MICRO or min(self.weights.values()) < 0:
            message = "the four component weights add up to one"
            raise ValueError(message)
        if self.half_life_days < MIN_HALF_LIFE_DAYS:
            message = f"the half-life is at least {MIN_HALF_LIFE_DAYS} days"
            raise ValueError(message)
        object.__setattr__(self, "decay", _decay_table(self.half_life_days))
        object.__setattr__(self, "whole", Weights({c: self.weights[c] for c in Component}))
        object.__setattr__(self, "topic", Weights({c: self.weights[c] for c in TOPICAL}))
        object.__setattr__(self, "config_id", self._identify())

    def shown_weights(self) -> dict[Component, float]:
        """Return the component weights as fractions."""
        return self.whole.shown  # of weights that add up to one

    def _identify(self) -> str:
        weights = ",".join(f"{component}={self.weights[component]}" for component in Component)
        text = f"{VERSION};{self.method};{weights};{self.half_life_days.normalize():f}"
        return sha256(text.encode()).hexdigest()[:12]


def parse_weights(text: str) -> dict[Component, int]:
    """Read ``completion=0.4,quiz=0.3,…`` into micro-units by component.

    Raises ``ValueError`` with a reason that says nothing of the text.
    """
    pairs = [pair.partition("=") for pair in text.split(",")]
    try:
        weights = {name.strip(): Decimal(number) * MICRO for name, _, number in pairs}
    except ArithmeticError:
        message = "must look like completion=0.4,quiz=0.3,quality=0.2,consistency=0.1"
        raise ValueError(message) from None
    if sorted(weights) != sorted(Component) or len(pairs) != len(Component):
        message = f"must name each of {', '.join(Component)} once"
        raise ValueError(message)
    if any(not weight.is_finite() or weight < 0 or weight != weight.to_integral_value() for weight in weights.values()):
        message = "must hold numbers of 0 or more with at most six decimals"
        raise ValueError(message)
    if sum(weights.values()) != MICRO:
        message = "must add up to 1"
        raise ValueError(message)
    return {component: int(weights[component]) for component in Component}


def _renormalise(weights: dict[Component, int]) -> dict[Component, float]:
    total = sum(weights.values())
    return {component: share(weight, total) if total else 0.0 for component, weight in weights.items()}


@lru_cache
def _decay_table(half_life_days: Decimal) -> tuple[int, ...]:
    # Decimal, not float: the last bit of pow() differs between machines, and every engine must give the same bytes.
    with localcontext() as context:
        context.prec = 50
        factors = (Decimal(2) ** (-Decimal(age) / half_life_days) for age in range(WINDOW_DAYS))
        return tuple(int((factor * ONE).to_integral_value(rounding=ROUND_HALF_EVEN)) for factor in factors)
