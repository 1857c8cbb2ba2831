"""The catalogue's long work: taking in an export. Its counterpart is services.product_export_services."""

import csv
import io
from typing import Any

from services.documents.statement_csv import BYTE_ORDER_MARK, safe_cell
from services.import_services import import_products
from services.operation_services import Outcome, Say, runner
from services.product_export_services import EXPORT

__all__ = ["EXPORT", "IMPORT", "import_export"]
IMPORT = "products.import"
MOST_TOLD = 200
PROBLEM_COLUMNS = ("line", "handle", "column", "value", "message")


@runner(IMPORT)
def import_export(operation: Any, say: Say) -> Outcome:
    """Take in the file that was given; with `dry_run` in `params` only count what that would do.

    The report is the import's, with the first MOST_TOLD problems and `problem_count`; all of them are in the file that comes of
    it. A worker that takes over from one that died starts at the first product again, and changes nothing of those that are in.
    """
    report = import_products(
        bytes(operation.input),
        dry_run=bool(operation.params.get("dry_run")),
        actor_id=operation.actor_id,
        on_progress=say,
    )
    found = {**report.as_json(), "problem_count": len(report.problems)}
    found["problems"] = report.problems[:MOST_TOLD]
    if not report.problems:
        return Outcome(report=found)
    return Outcome(
        report=found,
        output=problems_csv(report.problems),
        output_type="text/csv; charset=utf-8",
        file_name=f"problems-{operation.file_name[-100:] or 'import.csv'}",
    )


def problems_csv(problems: list[dict[str, Any]]) -> bytes:
    """Every problem by its line, for whoever mends the file."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(PROBLEM_COLUMNS)
    for problem in problems:
        writer.writerow([safe_cell(problem[column]) for column in PROBLEM_COLUMNS])
    return (BYTE_ORDER_MARK + file.getvalue()).encode()
