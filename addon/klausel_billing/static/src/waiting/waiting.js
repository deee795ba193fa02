import { Component, onMounted, onWillUnmount, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

/** Milliseconds between two looks at a request that goes on. */
const PAUSE = 500;
const OPEN = ["waiting", "running"];

/**
 * How far a request has come; shows what came of it as soon as it has ended. A dialog of which
 * nothing needs to be read closes by itself.
 */
export class Waiting extends Component {
    static template = "klausel_billing.Waiting";
    static props = { ...standardWidgetProps };

    setup() {
        this.action = useService("action");
        this.state = useState({ reading: false });
        onMounted(() => this.wait());
        onWillUnmount(() => clearTimeout(this.timer));
    }

    get data() {
        return this.props.record.data;
    }

    get goesOn() {
        return OPEN.includes(this.data.state);
    }

    get percent() {
        return this.data.total ? Math.round((100 * this.data.done) / this.data.total) : 0;
    }

    wait() {
        if (this.goesOn) {
            this.timer = setTimeout(() => this.look(), PAUSE);
        }
    }

    async look() {
        await this.props.record.load();
        if (this.goesOn) {
            this.wait();
        } else if (this.env.inDialog && this.data.kind === "preview" && this.data.state === "done") {
            await this.action.doAction({ type: "ir.actions.act_window_close" });
        }
    }
}

registry.category("view_widgets").add("klausel_waiting", {
    component: Waiting,
    fieldDependencies: [
        { name: "state", type: "selection" },
        { name: "kind", type: "selection" },
        { name: "done", type: "integer" },
        { name: "total", type: "integer" },
        { name: "progress_said", type: "char" },
    ],
});
