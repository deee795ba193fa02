"""Odoo as an ERP that contracts and timesheets are read from (design 1 and 4)."""

from klausel_odoo.desk import OdooDesk
from klausel_odoo.erp import OdooSource
from klausel_odoo.settings import OdooSettings

__all__ = ["OdooDesk", "OdooSettings", "OdooSource"]
