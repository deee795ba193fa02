from odoo import api, fields, models
from odoo.tools import SQL

#: What the program reads of a task.
TASK = frozenset(
    (
        "allocated_hours",
        "klausel_activity",
        "klausel_initiated_by",
        "klausel_origin",
        "name",
        "parent_id",
        "partner_id",
        "priority",
        "project_id",
        "tag_ids",
    )
)


class ProjectTask(models.Model):
    _name = "project.task"
    _inherit = ["project.task", "klausel.touching"]

    _klausel_facts = TASK

    klausel_activity = fields.Char(
        string="Activity",
        groups="base.group_user",
        help="Kind of work, as the contract's policy names it.",
    )
    klausel_origin = fields.Char(
        string="Origin",
        groups="base.group_user",
        help="Where the cause lies, such as ours or third_party.",
    )
    klausel_initiated_by = fields.Char(
        string="Initiated by",
        groups="base.group_user",
        help="Who asked for it, such as customer or us.",
    )

    @api.onchange("klausel_activity")
    def _onchange_klausel_activity(self):
        return self.env["klausel.word"]._klausel_doubt(self, "klausel_activity", "activity")

    @api.onchange("klausel_origin")
    def _onchange_klausel_origin(self):
        return self.env["klausel.word"]._klausel_doubt(self, "klausel_origin", "origin")

    @api.onchange("klausel_initiated_by")
    def _onchange_klausel_initiated_by(self):
        return self.env["klausel.word"]._klausel_doubt(self, "klausel_initiated_by", "initiated_by")

    @api.onchange("tag_ids")
    def _onchange_klausel_tags(self):
        return self.env["klausel.word"]._klausel_doubt(self, "tag_ids", "task_tag")

    def write(self, vals):
        result = super().write(vals)
        # A contract that covers a task covers those below it.
        if "parent_id" in vals and self.env["klausel.contract"].sudo().search_count(
            [("covers", "=", "ticket")], limit=1
        ):
            self.env["account.analytic.line"]._klausel_recompute_covered(
                [("task_id", "child_of", self.ids)]
            )
        return result

    def _klausel_places(self):
        """Where work on these tasks, and on those below them, is billed."""
        if not self.ids:
            return set()
        below = SQL(
            """
            line.task_id IN (
                WITH RECURSIVE below (id) AS (
                    SELECT unnest(%s)
                     UNION
                    SELECT child.id FROM project_task AS child
                      JOIN below ON child.parent_id = below.id
                )
                SELECT id FROM below
            )
            """,
            self.ids,
        )
        return self.env["account.analytic.line"]._klausel_places_where(below)

    def _klausel_above(self):
        """``{task id: ids of the task and of those above it}``, read level by level."""
        parents = {}
        level = self.sudo()
        while level := level.filtered(lambda task: task.id not in parents):
            parents.update((task.id, task.parent_id.id) for task in level)
            level = level.parent_id
        found = {}
        for task in self:
            above = found[task.id] = set()
            current = task.id
            while current and current not in above:
                above.add(current)
                current = parents[current]
        return found
