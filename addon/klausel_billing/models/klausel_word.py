from difflib import SequenceMatcher

from odoo import api, fields, models

FACTS = [
    ("activity", "Activity"),
    ("entry_tag", "Tag of a Timesheet"),
    ("initiated_by", "Initiated by"),
    ("origin", "Origin"),
    ("sla", "SLA"),
    ("task_tag", "Tag of a Task"),
]
#: Facts of which every word is said that nobody knows. Of others there are many that no rule asks
#: for: there only what looks like a slip.
CLOSED = ("initiated_by", "origin")
#: Of how many known words a warning speaks.
NEAR, MOST = 3, 12


def near(said, known):
    """Those of ``known`` that ``said`` may be a slip for, the most alike first."""
    found = []
    for word in known:
        blocks = SequenceMatcher(None, said, word, autojunk=False).get_matching_blocks()
        same = sum(block.size for block in blocks)
        if 10 * same >= 4 * (len(said) + len(word)):
            found.append((-same / (len(said) + len(word)), word))
    return [word for _alike, word in sorted(found)]


class KlauselWord(models.Model):
    """A word that a published policy, while it is in use, knows as a fact of the work.

    Forms offer it; any other may be written. Only :class:`.publication.Publication` writes it.
    """

    _name = "klausel.word"
    _description = "Word of a Published Policy"
    _order = "fact, name, id"

    policy_id = fields.Many2one(
        comodel_name="klausel.policy",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="policy_id.company_id", store=True, index=True)
    fact = fields.Selection(selection=FACTS, required=True, readonly=True)
    name = fields.Char(string="Word", required=True, readonly=True)

    _name_unique = models.UniqueIndex(
        "(policy_id, fact, name)", "The policy has this word already."
    )

    @api.model
    def _klausel_known(self, fact, companies):
        """What policies of ``companies`` know as ``fact``, whoever asks."""
        domain = [("fact", "=", fact), ("company_id", "in", companies.ids)]
        return sorted(set(self.sudo().search(domain).mapped("name")))

    @api.model
    def _klausel_doubt(self, record, field, fact):
        """What an onchange of ``field`` answers: a warning about words that no policy knows, which
        hinders nobody; None where they are known, or where nothing is published of ``fact``."""
        said = record[field]
        words = [said] if isinstance(said, str) else said.mapped("name") if said else []
        words = [word.strip() for word in words if word and word.strip()]
        known = self._klausel_known(fact, record.company_id or self.env.companies) if words else []
        if not known:
            return None
        texts = [
            text
            for word in words
            if word.casefold() not in known and (text := self._klausel_unknown(word, fact, known))
        ]
        if not texts:
            return None
        label = record._fields[field]._description_string(self.env)
        return {
            "warning": {"title": label, "message": "\n".join(texts), "type": "notification"},
        }

    def _klausel_unknown(self, word, fact, known):
        alike = near(word.casefold(), known)
        if alike:
            return self.env._(
                "No published policy knows “%(word)s”. Nearest known: %(near)s.",
                word=word,
                near=", ".join(alike[:NEAR]),
            )
        if fact not in CLOSED:
            return ""
        more = ", …" if len(known) > MOST else ""
        return self.env._(
            "No published policy knows “%(word)s”. Known are: %(known)s.",
            word=word,
            known=", ".join(known[:MOST]) + more,
        )
