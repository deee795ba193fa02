"""What calls of the connector have in common: one protocol, and refusals that it understands."""

from odoo.exceptions import UserError

from .payload import BadPayload

#: Version of the calls between the addon and the connector.
PROTOCOL = 2


class Call:
    """``env`` has all rights: whoever makes one of these has checked the caller."""

    def __init__(self, env, company, data):
        self.env = env
        self.company = company
        self._data = data

    def _read(self, parse, *data):
        """What ``parse`` makes of ``data``; refuses another protocol, and what is not as agreed."""
        for one in data:
            self._check_protocol(one)
        try:
            return parse(*data)
        except BadPayload as error:
            self._refuse_part(error)

    def _check_protocol(self, data):
        if data.get("protocol") != PROTOCOL:
            self._refuse(
                "protocol",
                self.env._(
                    "The addon speaks protocol %(ours)s, the program that called speaks"
                    " %(theirs)s: bring both to the same version.",
                    ours=PROTOCOL,
                    theirs=data.get("protocol"),
                ),
            )

    def _refuse_part(self, name):
        self._refuse(
            "protocol", self.env._("The program that called sent something else for “%s”.", name)
        )

    def _refuse(self, code, sentence):
        message = f"[klausel:{code}] {sentence}"
        raise UserError(message)
