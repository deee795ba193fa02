"""Policies of one run of ``klausel publish``. Whatever fails, all of it is undone."""

import json

from odoo.fields import Datetime
from odoo.tools import SQL
from psycopg2.errors import UniqueViolation

from .call import Call
from .payload import parse_policies


class Publication(Call):
    def publish(self):
        asked = self._read(parse_policies, self._data)
        policies = self.env["klausel.policy"]
        current = policies._klausel_current(self.company)
        contracts = policies._klausel_contracts(self.company)
        new = []
        for one in asked:
            there = current.get(one.name, policies)
            if there.digest == one.digest and (there.rule_ids or not one.rules):
                continue
            if (there.digest or "") != one.replaces:
                self._refuse_moved(one.name)
            self._check_plans(one, there, contracts.get(one.name, self.env["klausel.contract"]))
            new.append((one, there))
        try:
            with self.env.cr.savepoint():
                for one, there in new:
                    self._write(one, there)
                    using = contracts.get(one.name, self.env["klausel.contract"])
                    self.env["klausel.preview"]._klausel_touch(using._klausel_places())
        except UniqueViolation:
            self._refuse_moved(", ".join(one.name for one, _there in new))
        self.env.invalidate_all()  # contracts know their policy by its name
        return {"published": [one.name for one, _there in new]}

    def _refuse_moved(self, name):
        self._refuse(
            "published-moved",
            self.env._("Somebody else has published %s since this run read it.", name),
        )

    def _check_plans(self, asked, there, contracts):
        """No contract that is billed may lose its plan."""
        kept = {plan.name for plan in asked.plans}
        for name in there.plan_ids.mapped("name"):
            using = contracts.term_ids.filtered(lambda term, name=name: term.plan == name)
            if using and name not in kept:
                self._refuse(
                    "plan-in-use",
                    self.env._(
                        "Policy %(policy)s %(version)s has no plan “%(plan)s” any more, but"
                        " contracts use it: %(contracts)s.",
                        policy=asked.name,
                        version=asked.version,
                        plan=name,
                        contracts=", ".join(sorted(using.contract_id.mapped("code"))),
                    ),
                )

    def _write(self, asked, there):
        there.write({"active": False, "replaced_on": Datetime.now()})
        there.word_ids.unlink()  # what is replaced offers nothing
        there.flush_recordset()
        policy = self.env["klausel.policy"].create(
            {
                "name": asked.name,
                "version": asked.version,
                "hash": asked.hash,
                "digest": asked.digest,
                "company_id": self.company.id,
                "published_by": self.env.uid,
            }
        )
        self._translate(policy, "title", [asked.title])
        self.env["klausel.word"].create(
            [{"policy_id": policy.id, "fact": fact, "name": name} for fact, name in asked.words]
        )
        plans = self.env["klausel.plan"].create(
            [
                {
                    "policy_id": policy.id,
                    "sequence": number,
                    "name": plan.name,
                    "clause": plan.clause or False,
                    "parts": False if plan.parts is None else json.dumps(plan.parts),
                    "sells_hours": plan.sells_hours,
                }
                for number, plan in enumerate(asked.plans)
            ]
        )
        self._translate(plans, "title", [plan.title for plan in asked.plans])
        self._translate(plans, "sentence", [plan.because for plan in asked.plans])
        pairs = [
            (record, number, parameter)
            for record, plan in zip(plans, asked.plans, strict=True)
            for number, parameter in enumerate(plan.parameters)
        ]
        parameters = self.env["klausel.plan.parameter"].create(
            [
                {
                    "plan_id": record.id,
                    "sequence": number,
                    "name": parameter.name,
                    "type": parameter.type,
                    "required": parameter.required,
                    "example": parameter.example,
                }
                for record, number, parameter in pairs
            ]
        )
        meanings = [parameter.meaning for _record, _number, parameter in pairs]
        self._translate(parameters, "meaning", meanings)
        self._write_rules(asked, policy, plans)

    def _write_rules(self, asked, policy, plans):
        by_name = {plan.name: plan.id for plan in plans}
        rules = self.env["klausel.rule"].create(
            [
                {
                    "policy_id": policy.id,
                    "plan_id": by_name.get(rule.plan, False),
                    "sequence": number,
                    "kind": rule.kind,
                    "name": rule.name,
                    "clause": rule.clause or False,
                    "disposition": rule.disposition or False,
                }
                for number, rule in enumerate(asked.rules)
            ]
        )
        self._translate(rules, "effect", [rule.effect for rule in asked.rules])
        self._translate(rules, "sentence", [rule.because for rule in asked.rules])

    def _translate(self, records, name, texts):
        """In SQL: a language that is installed later finds its texts there, too."""
        records.flush_recordset()
        codes = self.env["res.lang"].with_context(active_test=False).search([]).mapped("code")
        ids, values = [], []
        for record, by_language in zip(records, texts, strict=True):
            if not by_language:
                continue
            said = {code: by_language.get(code.split("_")[0]) for code in codes}
            said["en_US"] = by_language.get("en") or next(iter(by_language.values()))
            ids.append(record.id)
            values.append(json.dumps({code: text for code, text in said.items() if text}))
        if ids:
            self.env.cr.execute(
                SQL(
                    "UPDATE %(table)s AS record SET %(field)s = said.texts::jsonb"
                    " FROM unnest(%(ids)s, %(values)s) AS said (id, texts)"
                    " WHERE record.id = said.id",
                    table=SQL.identifier(records._table),
                    field=SQL.identifier(name),
                    ids=ids,
                    values=values,
                )
            )
        records.invalidate_recordset([name], flush=False)
