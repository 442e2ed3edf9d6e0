"""Fixtures of the tests of registries."""


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitized: worth running against a sanitized csidecar, too")
