from odoo import api, fields, models

#: What of a policy a sentence is about.
KINDS = [
    ("field", "What Rules See"),
    ("scope", "Who Pays"),
    ("approval", "Approval"),
    ("budget", "Budget"),
    ("surcharge", "Surcharge"),
    ("rounding", "Rounding"),
    ("component", "Part of a Plan"),
]
#: What becomes of work, in the words of the policies.
DISPOSITIONS = [
    ("included", "Included"),
    ("service", "Service"),
    ("change", "Change"),
    ("third_party", "Third party"),
    ("warranty", "Warranty"),
    ("internal", "Internal"),
]


class KlauselRule(models.Model):
    """A rule of a published policy, a field that rules ask for, or a part of a plan, in sentences.

    A rule whose values have dates stands several times, once for each stretch of days. Only
    :class:`.publication.Publication` writes it.
    """

    _name = "klausel.rule"
    _description = "Rule of a Published Policy"
    _order = "policy_id, sequence, id"
    _rec_names_search = ["name", "sentence"]

    policy_id = fields.Many2one(
        comodel_name="klausel.policy",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="policy_id.company_id", store=True, index=True)
    plan_id = fields.Many2one(
        comodel_name="klausel.plan", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    sequence = fields.Integer(readonly=True, help="Where it stands in the policy.")
    kind = fields.Selection(selection=KINDS, required=True, readonly=True)
    name = fields.Char(
        string="Rule", required=True, readonly=True, help="As the ledger and previews name it."
    )
    clause = fields.Char(readonly=True, help="Number of the contract's clause.")
    disposition = fields.Selection(
        selection=DISPOSITIONS, string="Decision", readonly=True, help="What becomes of such work."
    )
    effect = fields.Text(
        string="What It Does", readonly=True, translate=True, help="As the program reads the rule."
    )
    sentence = fields.Text(
        string="Because", readonly=True, translate=True, help="What the policy tells customers."
    )

    @api.depends("name", "clause")
    def _compute_display_name(self):
        for rule in self:
            rule.display_name = (
                self.env._("%(rule)s (clause %(clause)s)", rule=rule.name, clause=rule.clause)
                if rule.clause
                else rule.name
            )
