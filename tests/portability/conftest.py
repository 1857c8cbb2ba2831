from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.portability.leaving import idle, leaving  # noqa: F401 - fixtures


@pytest.fixture
def archives(settings, tmp_path) -> Iterator[Path]:
    """An empty place for archives and pictures."""
    settings.ARCHIVE_ROOT, settings.MEDIA_ROOT = tmp_path / "archives", tmp_path / "media"
    settings.ARCHIVE_ROOT.mkdir()
    return settings.ARCHIVE_ROOT
