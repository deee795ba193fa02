"""Why time waits, in words. What stands on record is the code with which the program says it."""


def sentences(env):
    """By code, in the order in which they are said; the words of the program's own preview."""
    beyond = env._("Lies beyond what was approved or budgeted")
    return {
        "not_validated": env._("Waits for validation"),
        "not_requested": env._("Needs the customer's approval, which nobody has asked for"),
        "pending": env._("Waits for the customer's approval"),
        "rejected": env._("The customer rejected it"),
        "late_decision": env._("Was approved only after it was done"),
        "limit": beyond,
        "budget": beyond,
        "no_hours": env._("Waits for more hours to be bought or granted"),
        "no_term": env._("No term of the contract takes it"),
    }


def because(env, codes):
    """One text for all ``codes``, or False. A code of a newer program stands for itself."""
    known = sentences(env) if codes else {}
    said = [text for code, text in known.items() if code in codes]
    said += sorted(code for code in codes if code not in known)
    return "; ".join(dict.fromkeys(said)) or False
