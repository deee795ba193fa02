{
    "name": "Klausel: timesheets that no order may bill",
    "version": "19.0.1.0.0",
    "license": "LGPL-3",
    "depends": ["sale_timesheet"],
}
