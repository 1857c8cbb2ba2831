"""No Chromium, or no Caddy: said so that nobody can miss it. The hook is called from tests/conftest.py, which every run loads."""

from typing import Any

SKIPPED = "BROWSER TESTS WERE SKIPPED: no Chromium was found. Install it (Debian: apt-get install chromium)."


def tell(terminalreporter: Any, reason: str = SKIPPED, section: str = "browser") -> None:
    """A red section at the end of the run, if a test was skipped for this reason."""
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if reason in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.section(section, sep="=", red=True, bold=True)
        terminalreporter.write_line(f"{reason} ({len(skipped)} tests)", red=True, bold=True)
