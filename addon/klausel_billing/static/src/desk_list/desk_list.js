import { onWillStart, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { listView } from "@web/views/list/list_view";
import { ListController } from "@web/views/list/list_controller";

/** A list of what the program beside Odoo found; says so where none runs. */
export class DeskListController extends ListController {
    static template = "klausel_billing.DeskListView";

    setup() {
        super.setup();
        this.desk = useState({ said: "" });
        const orm = useService("orm");
        onWillStart(async () => {
            this.desk.said = (await orm.call("klausel.worker", "klausel_said", [])) || "";
        });
    }
}

registry.category("views").add("klausel_desk_list", {
    ...listView,
    Controller: DeskListController,
});
