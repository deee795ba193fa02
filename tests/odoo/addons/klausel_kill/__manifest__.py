{
    "name": "Klausel: dies where a test says",
    "license": "LGPL-3",
    "installable": False,
    "depends": ["klausel_billing"],
}
