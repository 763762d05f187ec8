"""The variables that a roster names for a server."""

from collections.abc import Mapping, Sequence


def named_variables(names: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """Return variables by name.

    Raises:
        LookupError: some are not set; it says which.
    """
    missing = [name for name in names if not env.get(name)]
    if missing:
        raise LookupError(f"{', '.join(missing)} is not set in the environment")
    return {name: env[name] for name in names}
