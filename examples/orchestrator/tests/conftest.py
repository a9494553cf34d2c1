"""xenparley's own fixtures: a simulated host for each test."""

pytest_plugins = ["xenparley_testing.pytest_plugin"]
