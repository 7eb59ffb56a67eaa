"""mastery-engine: how well each student masters each topic."""

__version__ = "0.1.0"
