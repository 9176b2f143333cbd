"""Arguments that argparse takes and that do not go together."""


class UsageError(Exception):
    """Arguments that do not go together; the message names them."""
