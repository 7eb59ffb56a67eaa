"""What every test may use: real services, where they can be had."""

pytest_plugins = ["tests.services.fixtures"]
