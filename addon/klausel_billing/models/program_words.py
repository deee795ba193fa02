"""What the program beside Odoo says of a request, in the reader's language.

It says it in English. Sentences that are always the same are known here; what names a cause, as
an error does, stays as it is.
"""

import re


def _amount(env, text):
    """Lines and what they come to; the amounts are as the program writes them."""
    if text == "nothing":
        return env._("nothing")
    found = re.match(r"(\d+) lines?(?:, (.*))?$", text)
    if not found:
        return text
    number, amounts = found.groups()
    lines = env._("lines: %s", number)
    return f"{lines}, {amounts}" if amounts else lines


def _changed(env, now, was):
    if was:
        return env._(
            "The facts have changed since. Now: %(now)s; before: %(was)s",
            now=_amount(env, now),
            was=_amount(env, was),
        )
    return env._("The facts have changed since. Now: %s", _amount(env, now))


#: By name: the program's sentences.
PATTERNS = {
    name: re.compile(pattern)
    for name, pattern in {
        "looked": r"(\d+) customers? looked at\.",
        "written": r"Drafts written for (\d+) of (\d+) customers?\.",
        "stay": r"Drafts written for (\d+) customers? stay\.",
        "changed": r"(\d+) (?:has|have) changed since (?:it was|they were) shown\.",
        "refused": r"(\d+) (?:was|were) refused\.",
        "nothing": r"(\d+) (?:has|have) nothing to be written\.",
        "none": r"Nothing was written\.",
        "cancelled": r"Cancelled\.",
        "empty": r"There is nothing to be written\.",
        "facts": r"The facts have changed since: (.+?)(?:; was (.+))?$",
    }.items()
}


def _instead(env, name, values):
    """What to say instead of the sentence ``name`` with these ``values``."""
    match name:
        case "looked":
            return env._("Customers looked at: %s.", *values)
        case "written":
            some, all_ = values
            return env._("Customers with new drafts: %(some)s of %(all)s.", some=some, all=all_)
        case "stay":
            return env._("Customers whose new drafts stay: %s.", *values)
        case "changed":
            return env._("Changed since they were shown: %s.", *values)
        case "refused":
            return env._("Refused: %s.", *values)
        case "nothing":
            return env._("Nothing to be written: %s.", *values)
        case "none":
            return env._("Nothing was written.")
        case "cancelled":
            return env._("Cancelled.")
        case "empty":
            return env._("There is nothing to be written.")
        case _:
            return _changed(env, *values)


def translated(env, text):
    """``text`` in the reader's language, as far as its sentences are known."""
    if not text or (env.lang or "en_US").startswith("en"):
        return text
    said, rest = [], text
    while rest:
        for name, pattern in PATTERNS.items():
            if found := pattern.match(rest):
                said.append(_instead(env, name, found.groups()))
                rest = rest[found.end() :].lstrip()
                break
        else:
            # The causes before what was written, too.
            before, stop, after = rest.partition(". ")
            said.append(before + stop.strip())
            rest = after
    return " ".join(said)


def doing(env, text):
    """What the program is at, in the reader's language."""
    known = {
        "reading": env._("Reading…"),
        "computing": env._("Computing…"),
        "showing": env._("Showing…"),
        "writing": env._("Writing…"),
    }
    return known.get(text, text)
