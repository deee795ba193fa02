"""A customer's number is kept for each company: each goes on from the common one.

A run is known by its content and this number. From 0 on, a later run could have the key of an
earlier one, and would be taken for it.
"""


def migrate(cr, version):
    cr.execute(
        "SELECT 1 FROM information_schema.columns"
        " WHERE table_name = 'res_partner' AND column_name = 'klausel_seq'"
    )
    if not cr.rowcount:
        return
    cr.execute(
        "INSERT INTO klausel_revision (company_id, partner_id, number)"
        " SELECT DISTINCT contract.company_id, partner.id, partner.klausel_seq"
        " FROM klausel_contract AS contract"
        " JOIN res_partner AS partner ON partner.id = contract.commercial_partner_id"
        " WHERE partner.klausel_seq > 0"
        " ON CONFLICT (company_id, partner_id) DO UPDATE"
        " SET number = GREATEST(klausel_revision.number, EXCLUDED.number)"
    )
