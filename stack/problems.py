"""What can go wrong on a machine, said in one sentence that also tells what to do."""


class StackProblem(Exception):
    """Souk cannot run here as things are. The text is for a person and needs no traceback."""


class PostgresProblem(StackProblem):
    """The embedded PostgreSQL cannot be started or reached."""
