"""State machines, backed by PostgreSQL: a status moves along its documented transitions, whoever writes it."""

from collections.abc import Iterable

FUNCTION = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT (OLD.status || '>' || NEW.status = ANY (TG_ARGV)) THEN
    RAISE EXCEPTION '%: % is not a move from %', TG_TABLE_NAME, NEW.status, OLD.status USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
"""
TRIGGER = """
CREATE TRIGGER {table}_moves BEFORE UPDATE OF status ON {table} FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION {function}({moves});
"""


def guard_moves(function: str, machines: dict[str, Iterable[str]]) -> tuple[str, str]:
    """SQL that lets the `status` of each table move only as listed ("pending>confirmed"), and SQL that undoes it."""
    forward = FUNCTION.format(function=function)
    backward = ""
    for table, moves in machines.items():
        arguments = ", ".join(f"'{move}'" for move in moves)
        forward += TRIGGER.format(table=table, function=function, moves=arguments)
        backward += f"DROP TRIGGER {table}_moves ON {table};"
    return forward, backward + f"DROP FUNCTION {function};"


def replace_moves(
    function: str, before: dict[str, list[str]], after: dict[str, list[str]]
) -> tuple[str, str]:
    """SQL that gives tables which are guarded already another list of moves, and SQL that goes back."""

    def triggers(machines: dict[str, list[str]]) -> str:
        return "".join(
            f"DROP TRIGGER {table}_moves ON {table};"
            + TRIGGER.format(table=table, function=function, moves=", ".join(f"'{move}'" for move in moves))
            for table, moves in machines.items()
        )

    return triggers(after), triggers(before)
