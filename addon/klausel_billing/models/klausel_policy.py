from odoo import api, fields, models

from .publication import Publication


class KlauselPolicy(models.Model):
    """One publication of a policy. Only :class:`.publication.Publication` writes it.

    The newest publication of a name is active; those before it stay, so that what a ledger row
    names can be looked up.
    """

    _name = "klausel.policy"
    _description = "Published Policy"
    _order = "name, id desc"
    _rec_names_search = ["name", "title"]

    name = fields.Char(required=True, readonly=True, help="What contracts call it.")
    version = fields.Char(required=True, readonly=True)
    hash = fields.Char(
        required=True, readonly=True, help="Short hash of the policy's files, as in the ledger."
    )
    digest = fields.Char(
        required=True, readonly=True, help="Short hash of everything that was published."
    )
    stamp = fields.Char(
        compute="_compute_stamp",
        store=True,
        index=True,
        help="Name, version and hash, as ledger rows say them.",
    )
    title = fields.Char(readonly=True, translate=True)
    active = fields.Boolean(
        string="In Use", default=True, readonly=True, help="Off: a later version took its place."
    )
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    published_on = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    published_by = fields.Many2one(
        comodel_name="res.users", required=True, readonly=True, ondelete="restrict"
    )
    replaced_on = fields.Datetime(readonly=True)
    plan_ids = fields.One2many("klausel.plan", "policy_id", "Plans", readonly=True)
    word_ids = fields.One2many("klausel.word", "policy_id", "Words", readonly=True)
    rule_ids = fields.One2many(
        comodel_name="klausel.rule",
        inverse_name="policy_id",
        string="Rules",
        readonly=True,
        domain=[("kind", "not in", ("field", "component"))],
    )
    field_ids = fields.One2many(
        comodel_name="klausel.rule",
        inverse_name="policy_id",
        string="Fields",
        readonly=True,
        domain=[("kind", "=", "field")],
    )

    _name_unique = models.UniqueIndex(
        "(company_id, name) WHERE active", "This policy is published already."
    )

    @api.depends("name", "version")
    def _compute_display_name(self):
        for policy in self:
            policy.display_name = " ".join(filter(None, (policy.name, policy.version)))

    @api.depends("name", "version", "hash")
    def _compute_stamp(self):
        for policy in self:
            policy.stamp = f"{policy.name} {policy.version} {policy.hash}"

    @api.model
    def _klausel_current(self, company):
        """The publications in use in ``company``, by name."""
        return {policy.name: policy for policy in self.search([("company_id", "=", company.id)])}

    @api.model
    def _klausel_contracts(self, company):
        """Contracts that are read for billing, by the name of their policy."""
        contracts = self.env["klausel.contract"].search([("company_id", "=", company.id)])
        return contracts.grouped("policy")

    @api.model
    def klausel_published(self, company_id):
        """What is published in the company, and which contracts use which plans."""
        company = self.env["klausel.contract"]._klausel_check_caller(company_id).sudo()
        policies = self.sudo().with_context(active_test=True)
        return {
            "policies": [
                {
                    "name": policy.name,
                    "version": policy.version,
                    "hash": policy.hash,
                    "digest": policy.digest,
                    "plans": policy.plan_ids.mapped("name"),
                    # One of before there were rules kept none; each policy has at least one.
                    "whole": bool(policy.rule_ids),
                }
                for policy in policies._klausel_current(company).values()
            ],
            "contracts": {
                name: {
                    contract.code: sorted(set(contract.term_ids.mapped("plan")))
                    for contract in contracts
                }
                for name, contracts in policies._klausel_contracts(company).items()
            },
        }

    @api.model
    def klausel_publish(self, payload):
        """Publish policies: all of them or none.

        ``payload`` is what the connector sends. A refusal is an error whose text begins with
        ``[klausel:CODE]``. The same call again changes nothing.
        """
        payload = payload if isinstance(payload, dict) else {}
        contracts = self.env["klausel.contract"]
        company = contracts._klausel_check_writer(payload.get("company_id"))
        # Nothing of the caller's context may steer what is created: no defaults, no switches.
        context = {
            "lang": self.env.context.get("lang"),
            "tz": self.env.context.get("tz"),
            "allowed_company_ids": company.ids,
        }
        env = self.env(context=context, su=True)
        return Publication(env, company.with_env(env), payload).publish()
