"""What a visitor reads when a login fails, one sentence for each kind of failure."""

from lychgate.idp.base import Failure, LoginFailed

_MESSAGES = {
    Failure.CONFIGURATION: "{name} is not set up completely. An administrator has to finish it.",
    Failure.UNREACHABLE: "{name} is not answering at the moment. Please try again in a minute.",
    Failure.REFUSED: "{name} did not log you in. You can try again or choose another method.",
    Failure.BAD_ANSWER: "{name} sent an answer that cannot be used. Please try again.",
    Failure.MIX_UP: "The answer did not come from {name}. Please start the login again.",
    Failure.INVALID_TOKEN: "{name} sent a login that could not be verified. Please try again.",
    Failure.USER_INFO: (
        "Failed to fetch user/group information from the identity provider. Please try again."
    ),
    Failure.EMAIL_MISSING: "{name} did not tell your email address, which is needed here.",
    Failure.EMAIL_INVALID: "{name} sent an email address that cannot be used here.",
    Failure.EMAIL_UNVERIFIED: "{name} has not verified your email address. Verify it there first.",
    Failure.NOT_A_MEMBER: "This account does not belong to the organization that {name} is for.",
}


def failed(name: str, code: Failure, detail: str = "") -> LoginFailed:
    """A failure of the provider called `name`; `detail` goes to the log only."""
    return LoginFailed(code, _MESSAGES[code].format(name=name), detail)


def shown(value: object, limit: int = 200) -> str:
    """A foreign value made fit for a log line: short, printable, in one line."""
    text = str(value)[: limit + 1]
    clean = "".join(char if char.isprintable() else "?" for char in text)
    return clean if len(clean) <= limit else clean[:limit] + "…"
