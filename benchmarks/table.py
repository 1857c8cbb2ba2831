"""The report as a table, with what is within its budget and what is not."""

from typing import Any

BUDGET_MS = {"list": 1.75, "detail": 2.0, "add": 4.0, "checkout": 20.0}
BUDGET_RATIO = {"list": 2.0, "detail": 3.6}
IDLE_MB = 300
HEADS = ("operation", "CPU ms", "web", "postgres", "pages", "budget", "by hand", "ratio", "p50 ms", "p95 ms")


def print_report(report: dict[str, Any]) -> None:
    """For people; the JSON file beside it is for programs."""
    print("\n" + _line(HEADS))
    for name, budget in BUDGET_MS.items():
        row = report[name]
        verdict = "within" if row["cpu_ms"] <= budget else "OVER"
        if name in BUDGET_RATIO:
            is_within = row["ratio"] <= BUDGET_RATIO[name]
            verdict += f"; ratio {'within' if is_within else 'OVER'} {BUDGET_RATIO[name]:.1f}"
        figures: list[float | None] = [row[key] for key in ("cpu_ms", "web_cpu_ms", "postgres_cpu_ms")]
        figures += [row["pages_by_hand"], budget]
        figures += [row[key] for key in ("baseline_cpu_ms", "ratio", "p50_ms", "p95_ms")]
        print(_line((name, *("-" if figure is None else f"{figure:.2f}" for figure in figures))), "", verdict)
    print(
        "\npages: how many hand-written catalogue pages cost as much, in turns with it (not moved by neighbours)"
    )
    print("by hand, for a checkout: PostgreSQL alone, stock, order, lines and ledger entries by pgbench")
    hot = report["hot_sku"]
    print(
        f"hot SKU: {hot['sold']} of {hot['stock']} sold in {hot['attempts']} attempts at"
        f" {hot['attempts_per_second']} a second; {hot['told_sold_out']} told sold out,"
        f" {hot['other_answers']} other answers; pgbench: {hot['pgbench_per_second']} orders a second"
    )
    verdict = "within" if report["idle_mb"] <= IDLE_MB else "OVER"
    print(f"idle memory of web, worker and PostgreSQL: {report['idle_mb']} MB, {verdict} {IDLE_MB}")


def _line(cells: tuple[str, ...]) -> str:
    return f"{cells[0]:<10}" + "".join(f"{cell:>9}" for cell in cells[1:])
