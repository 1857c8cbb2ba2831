from tests.services.conftest import pool

__all__ = ["pool"]
